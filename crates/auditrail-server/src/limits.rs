//! Every limit of the service, with its reason.

use std::time::Duration;

/// Maximum size of a request body: 10,000 ordinary records of 1.5 kB.
pub const BODY_MAX_BYTES: usize = 16 * 1_024 * 1_024;
/// Maximum size of all request bodies in memory: two of the largest with their records, and a tenth for small
/// bodies.
///
/// The records parsed from them take up to twice as much again until they are written, beyond what
/// [`RECORD_OVERHEAD_BYTES`] counts; all of that must fit into 128 MiB (`cargo xtask bench serve`).
pub const BODIES_MAX_BYTES: usize = 40 * 1_024 * 1_024;
/// Maximum size of a body that may use the memory for small bodies: a single record is rarely larger.
pub const SMALL_BODY_MAX_BYTES: usize = 64 * 1_024;
/// Memory that a record of a batch is counted with beside its text: a third of the fields, the allocations
/// and the list entries of a parsed record, like the text is counted with a third of what it takes.
pub const RECORD_OVERHEAD_BYTES: usize = 160;
/// The overhead of a batch of the maximum size.
pub(crate) const BODY_OVERHEAD_MAX_BYTES: usize = BATCH_MAX_RECORDS * RECORD_OVERHEAD_BYTES;
/// Maximum size of all large responses in memory: two batches of the maximum size that are returned in full,
/// or ten pages.
pub const ANSWERS_MAX_BYTES: usize = 48 * 1_024 * 1_024;
/// Size up to which a response is not counted: 900 of them are as much as all larger ones.
pub const SMALL_ANSWER_MAX_BYTES: usize = 64 * 1_024;
/// Long enough for a database restart, short enough to report an outage to the caller.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of records in a batch; a batch is one transaction and is held in memory.
pub const BATCH_MAX_RECORDS: usize = 10_000;
/// Enough for a body of the maximum size over 5 Mbit/s.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Minimum rate at which a request body arrives, in bytes per second, on average over
/// [`BODY_GRACE`]: far below any network that people work over.
pub const BODY_MIN_RATE: u32 = 16 * 1_024;
/// How far a request body may be behind its minimum rate; enough for a lost packet or two.
pub const BODY_GRACE: Duration = Duration::from_secs(5);
/// Longer than a body may take, and long enough for an exact count over a large table.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// A request head is one or two packets; a client that takes longer ties up a connection.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A stalled export holds a database snapshot, which blocks vacuum, and any other stalled response holds
/// its memory.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Minimum rate at which a client reads a response, in bytes per second, on average over [`STALL_TIMEOUT`].
pub const RESPONSE_MIN_RATE: u32 = 16 * 1_024;
/// Without a load balancer there is nothing to wait for.
pub const SHUTDOWN_DELAY: Duration = Duration::ZERO;
/// Below the 30 seconds after which most supervisors kill the process.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);
/// Each connection takes a file descriptor, and the usual limit is 1,024.
pub const CONNECTIONS_MAX: usize = 900;
/// Maximum number of connections of one address on which no request had a valid API key yet. A proxy may open
/// that many at once before it sends requests.
pub const UNAUTHENTICATED_MAX: usize = 200;
/// Maximum number of connections of the admin listener: a few supervisors and operators.
pub const ADMIN_CONNECTIONS_MAX: usize = 32;
/// How much of a request that was refused early is read and discarded, so that its client can send it and then
/// read the response: a body of the maximum size and some more.
pub const LINGER_BYTES: usize = 32 * 1_024 * 1_024;
/// How long that may take.
pub const LINGER_TIME: Duration = Duration::from_secs(30);
/// How long the client may send nothing meanwhile.
pub const LINGER_IDLE: Duration = Duration::from_secs(5);
/// Maximum size of a request head; enough for a search at the limits of its filters.
pub const HEAD_MAX_BYTES: usize = 64 * 1_024;
/// Maximum number of header lines of a request.
pub const HEADERS_MAX: usize = 64;
/// Maximum length of an `Idempotency-Key`, in characters.
pub const IDEMPOTENCY_KEY_MAX_CHARS: usize = 255;
/// How long after its start the service looks for records with the ids that earlier versions derived from an
/// `Idempotency-Key`: clients that retry for longer are rare.
pub const UPGRADE_RETRIES: Duration = Duration::from_hours(1);
/// Number of actors, actions and targets in the statistics.
pub const STATS_TOP: u16 = 20;
/// How long counting for a histogram may take; below the second after which people notice that they wait.
pub const HISTOGRAM_BUDGET: Duration = Duration::from_millis(800);
/// How long counting the values of all requested facets may take.
pub const FACETS_BUDGET: Duration = Duration::from_secs(2);
/// How long listing the values of a field may take; it is done while people type.
pub const VALUES_BUDGET: Duration = Duration::from_millis(500);
/// Maximum number of distinct values that are visited for a list of values. Each takes about ten microseconds, or a
/// millisecond in 60 partitions.
pub const VALUES_VISITED_MAX: u32 = 1_000;
/// How long a readiness check may take; supervisors rarely wait longer.
pub const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an API key lookup may take. It is an index lookup of a millisecond; after seconds the
/// database is unhealthy, and failing is better than waiting.
pub const KEY_CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an API key lookup is retried while the database is unreachable. Below
/// [`KEY_CHECK_TIMEOUT`], so that the caller gets the cause and not a timeout.
pub const KEY_OUTAGE_RETRY: Duration = Duration::from_secs(2);
/// Maximum number of cached API keys: some megabytes.
pub const CACHED_KEYS_MAX: usize = 10_000;
/// Requests per minute that one share holder may make: ten thousand per second.
///
/// More than any well-behaved client needs, so the default only stops runaway clients; an operator
/// with untrusted clients sets less.
pub const QUERIES_PER_MINUTE: u32 = 600_000;
/// Exports per minute that one share holder may start: ten per second. Each reads all of its matches, and
/// holds a connection and a snapshot meanwhile.
pub const EXPORTS_PER_MINUTE: u32 = 600;
/// Maximum number of share holders with a tracked usage, per budget: about a megabyte. Beyond it, the
/// usage of the one that used least is dropped.
pub const BUDGET_HOLDERS_MAX: usize = 10_000;
/// Interval in which full budgets are removed from memory.
pub const RATE_LIMIT_CLEANUP_INTERVAL: Duration = Duration::from_secs(60);
/// How long a readiness result of the database is reused: the shortest usual probe interval. The
/// database is queried at most once in that time, however many probes there are.
pub const READY_FRESH: Duration = Duration::from_secs(1);
/// How long a request may wait in the writer's queue before the service is not ready: callers time out
/// soon after, and another instance may be faster.
pub const WRITER_LAG_MAX: Duration = Duration::from_secs(5);
/// How often the active server looks for records of other writers, and so their usual lag. A look costs the
/// database about half a millisecond.
pub const SEQUENCER_POLL: Duration = Duration::from_millis(100);
/// Shortest time between two rounds of the sequencer. Rounds of more records cost less for each.
pub const SEQUENCER_ROUNDS_APART: Duration = Duration::from_millis(50);
/// A round of this many records is a large one: writers are busy, and each round takes a flush of the disk from them.
pub const SEQUENCER_LARGE_ROUND: usize = 200;
/// Shortest time from a large round to the next.
pub const SEQUENCER_LARGE_ROUNDS_APART: Duration = Duration::from_millis(150);
/// How often a server looks while another one sequences, within a quarter more or less.
pub const SEQUENCER_STANDBY: Duration = Duration::from_secs(1);
/// How long a look without a result may take. After a longer one the sequencer completes an empty round, so that the next
/// look starts behind what this one has read.
pub const SEQUENCER_SLOW_LOOK: Duration = Duration::from_millis(50);
/// Shortest time between two looks for records without an entry in the transparency log. Each step writes the last bundle
/// again, some 11 kB.
pub const SEALER_INTERVAL: Duration = Duration::from_millis(200);
/// Longest time between two of these looks.
pub const SEALER_POLL: Duration = Duration::from_secs(1);
/// Records a second, for each processor, up to which the sealer keeps up with the writers.
pub const SEALER_RATE: u64 = 4_000;
/// How many times as long as a step of the sealer the pause after it is, while more records arrive.
pub const SEALER_YIELD: u32 = 9;
/// The longest pause after a step of the sealer.
pub const SEALER_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Pause between two checkpoints of the transparency log.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// How often checkpoints that are older than a day are thinned out to one an hour.
pub const CHECKPOINTS_THINNED: Duration = Duration::from_secs(3_600);
/// Pause before the first step of the comparison of records with the transparency log, and between two passes of it.
pub const CHECKER_PASSES_APART: Duration = Duration::from_secs(600);
/// How many times as long as a step of the comparison the pause after it is: it takes a fiftieth of the time of one
/// connection.
pub const CHECKER_YIELD: u32 = 49;
/// Pause between two looks for records whose words are not indexed.
pub const TEXT_INDEX_INTERVAL: Duration = Duration::from_secs(1);
/// Records a second, for each processor, up to which the index of words keeps up with the writers: at 25 µs a record some 5 %
/// of the machine.
pub const TEXT_INDEX_RATE: u64 = 2_000;
/// How many times as long as a step of the index of words the pause after it is, while more records arrive.
pub const TEXT_INDEX_YIELD: u32 = 30;
/// The longest pause after a step of the index of words.
pub const TEXT_INDEX_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long the step in flight may take when the service stops.
pub const SEQUENCER_STOP_GRACE: Duration = Duration::from_millis(500);
/// How often the reconciler compares some thousand records: ten million in an hour.
pub const RECONCILER_INTERVAL: Duration = Duration::from_secs(1);
/// How long the reconciler pauses after it has compared all records.
pub const RECONCILER_PASSES_APART: Duration = Duration::from_secs(60);
/// How long a browser may cache a preflight response; Chromium caches it no longer.
pub const CORS_MAX_AGE: Duration = Duration::from_hours(2);
/// How long a request waits for a free database connection.
pub const READ_SHARE_WAIT: Duration = Duration::from_secs(5);
/// A search that takes longer counts as slow. Almost every search takes milliseconds.
pub const QUICK_READ: Duration = Duration::from_secs(2);
/// How long an export waits for the end of another: one that ends in this moment, as the previous export of
/// the same client does. Others take too long to wait for.
pub const EXPORT_SHARE_WAIT: Duration = Duration::from_secs(1);
/// How many bytes per second the client of an export must take, over
/// [`EXPORT_RATE_WINDOW`]: a quarter of a megabit. A slower one holds a snapshot of the database for hours, which
/// blocks vacuum.
pub const EXPORT_MIN_RATE: u32 = 32 * 1_024;
/// Twice [`STALL_TIMEOUT`], since the buffers of sockets fill and empty in steps.
pub const EXPORT_RATE_WINDOW: Duration = Duration::from_secs(60);
/// `Retry-After` for an export beyond the number that may run at once.
pub const RETRY_EXPORT: Duration = Duration::from_secs(10);
/// `Retry-After` for a transient outage of the database.
pub const RETRY_SOON: Duration = Duration::from_secs(1);
/// `Retry-After` for a condition that an operator has to fix.
pub const RETRY_LATER: Duration = Duration::from_secs(30);
/// Maximum number of requests that follow the log at once, unless there are fewer connections: each has a connection
/// for as long as it lasts. One share holder gets half.
pub const TAILS_MAX: usize = 400;
/// Memory for the newest records, which listeners read from: about 10,000 ordinary records.
pub const TAIL_MEMORY_MAX_BYTES: usize = 16 * 1_024 * 1_024;
/// Records that a listener reads from memory, or from the database, in one step.
pub const TAIL_STEP_RECORDS: usize = 256;
/// Size of the events that a listener sends in one step.
pub const TAIL_STEP_BYTES: usize = 64 * 1_024;
/// Size of the records that a tail reads from the database in one step.
pub const TAIL_READ_BYTES: usize = 256 * 1_024;
/// Interval in which the head of the sequence is read while there are listeners, unless the sequencer of this process
/// reports new records.
pub const TAIL_POLL_INTERVAL: Duration = Duration::from_millis(150);
/// Pause after the head could not be read.
pub const TAIL_OUTAGE_PAUSE: Duration = Duration::from_secs(1);
/// How long a tail sends nothing: proxies usually close a connection after 30 to 60 seconds.
pub const TAIL_HEARTBEAT: Duration = Duration::from_secs(15);
/// Interval in which the API key of a tail is looked up again.
pub const TAIL_KEY_CHECK: Duration = Duration::from_secs(5);
/// How long a tail may take to end at a shutdown; then its connection is closed.
pub const TAIL_SHUTDOWN: Duration = Duration::from_millis(700);
/// Maximum of `wait` of a feed: half of the default request timeout. A feed waits no longer than half of the one set.
pub const FEED_WAIT_MAX: Duration = Duration::from_secs(30);
/// How often the same read of a feed is recorded, if reads are.
pub const FEED_RECORD_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of reads of feeds of which the last record is remembered.
pub const FEED_READS_MAX: usize = 10_000;
