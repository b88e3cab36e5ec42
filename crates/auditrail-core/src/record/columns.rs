//! The columns of a record: the list from which field names, structs and SQL are generated.

/// Passes the columns of a record to the macro at a path, in the order of the table.
///
/// A line is a column: its position, its name, its type in PostgreSQL, whether it is `required` or
/// `optional`, which is nullable, and what a reader of the API finds in it. The last line has the positions
/// after the last column, for further parameters of a statement.
#[macro_export]
macro_rules! record_columns {
    ($($macro:tt)+) => {
        $($macro)+! {
            1 id uuid required
                "Record id: a UUID, version 7 if assigned by the service.";
            2 actor_id text required
                "Actor id.";
            3 actor_type text required
                "Actor type.";
            4 action text required
                "Action name, such as `project.created`.";
            5 target_type text required
                "Target type.";
            6 target_id text required
                "Target id.";
            7 metadata jsonb optional
                "Additional structured data.";
            8 ip_address inet optional
                "IP address of the client, rarely a network.";
            9 user_agent text optional
                "User agent of the client.";
            10 created_at timestamptz required
                "Time of the event: RFC 3339 in UTC with microseconds.";
            11 tenant_id text optional
                "Tenant id.";
            12 request_id text optional
                "Id of the request that caused the event.";
            13 outcome text optional
                "How the action ended; null if the writer did not state it.";
            14 actor_name text optional
                "Name of the actor for people, as it was at the time.";
            15 target_name text optional
                "Name of the target for people, as it was at the time.";
            16 recorded_by text optional
                "Writer of the record: `key:` and an API key id, or `role:` and a database role. Set by the service or the database.";
            after 17 18 19
        }
    };
}

macro_rules! names {
    ($($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+ after $($after:literal)+) => {
        [$(stringify!($name)),+]
    };
}

macro_rules! count {
    ($($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+ after $($after:literal)+) => {
        [$($position),+].len()
    };
}

/// How many columns a record has.
const COUNT: usize = record_columns!(count);

/// The names of the columns, which are also the names of the fields in JSON.
pub(crate) const NAMES: [&str; COUNT] = record_columns!(names);
