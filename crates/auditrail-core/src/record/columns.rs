//! The columns of a record: the list from which field names, structs and SQL are generated.

/// Passes the columns of a record to the macro at a path, in the order of the table.
///
/// A line is a column: its position, its name, its type in PostgreSQL and whether it is `required` or
/// `optional`, which is nullable. The last line has the positions after the last column, for further
/// parameters of a statement.
#[macro_export]
macro_rules! record_columns {
    ($($macro:tt)+) => {
        $($macro)+! {
            1 id uuid required;
            2 actor_id text required;
            3 actor_type text required;
            4 action text required;
            5 target_type text required;
            6 target_id text required;
            7 metadata jsonb optional;
            8 ip_address inet optional;
            9 user_agent text optional;
            10 created_at timestamptz required;
            11 tenant_id text optional;
            12 request_id text optional;
            after 13 14 15
        }
    };
}

macro_rules! names {
    ($($position:literal $name:ident $sql_type:ident $presence:ident;)+ after $($after:literal)+) => {
        [$(stringify!($name)),+]
    };
}

macro_rules! count {
    ($($position:literal $name:ident $sql_type:ident $presence:ident;)+ after $($after:literal)+) => {
        [$($position),+].len()
    };
}

/// How many columns a record has.
const COUNT: usize = record_columns!(count);

/// The names of the columns, which are also the names of the fields in JSON.
pub(crate) const NAMES: [&str; COUNT] = record_columns!(names);
