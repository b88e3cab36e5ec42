//! The line of a record, as an expression in SQL: the database prints the exact values.

/// The line of a row of the log, without its line feed.
macro_rules! line {
    () => {
        concat!(
            "'{' || ",
            auditrail_core::record_columns!($crate::archive::lines::members),
            " || ',\"xact_id\":\"' || xact_id::text || '\"}'"
        )
    };
}
pub(crate) use line;

/// The columns of a line in `line`, as values of their types.
macro_rules! parsed {
    ($first:literal $id:ident $id_type:ident $required:ident $id_description:literal;
     $($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!(
            "(line::json ->> 'id')::uuid",
            $(", ", $crate::archive::lines::value!($name $sql_type)),+
        )
    };
}
pub(crate) use parsed;

macro_rules! value {
    ($name:ident jsonb) => {
        concat!("(line::json -> '", stringify!($name), "')::text::jsonb")
    };
    ($name:ident $sql_type:ident) => {
        concat!("(line::json ->> '", stringify!($name), "')::", stringify!($sql_type))
    };
}
pub(crate) use value;

macro_rules! members {
    ($first:literal $id:ident $id_type:ident $required:ident $id_description:literal;
     $($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!(
            "'\"", stringify!($id), "\":' || to_json(", stringify!($id), ")::text",
            $(" || ", $crate::archive::lines::member!($name $sql_type)),+
        )
    };
}
pub(crate) use members;

/// A member of the line, with the comma before it. SQL's NULL and jsonb's `null` are different: without a value
/// `metadata` is absent.
macro_rules! member {
    ($name:ident jsonb) => {
        concat!("coalesce(',\"", stringify!($name), "\":' || ", stringify!($name), "::text, '')")
    };
    ($name:ident timestamptz) => {
        concat!(
            "',\"",
            stringify!($name),
            "\":\"' || to_char(",
            stringify!($name),
            " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') || '\"'"
        )
    };
    ($name:ident $sql_type:ident) => {
        concat!(
            "',\"",
            stringify!($name),
            "\":' || coalesce(to_json(",
            stringify!($name),
            ")::text, 'null')"
        )
    };
}
pub(crate) use member;
