//! Lists of columns in the text of statements, generated from `record_columns!`.

/// `id, actor_id, …`: the columns, in the order in which [`record`] reads them.
macro_rules! column_list {
    () => {
        auditrail_core::record_columns!($crate::records::columns::lists::names)
    };
}
pub(crate) use column_list;

/// `$1, $2, …`: a placeholder for each column.
macro_rules! placeholders {
    () => {
        auditrail_core::record_columns!($crate::records::columns::lists::dollars)
    };
}
pub(crate) use placeholders;

/// As [`column_list!`] without the writer, for which the table has a default. A role that only writes
/// records of its own has no privilege to set the writer.
macro_rules! own_column_list {
    () => {
        auditrail_core::record_columns!($crate::records::columns::lists::own_names)
    };
}
pub(crate) use own_column_list;

/// As [`placeholders!`] without the writer.
macro_rules! own_placeholders {
    () => {
        auditrail_core::record_columns!($crate::records::columns::lists::own_dollars)
    };
}
pub(crate) use own_placeholders;

/// `id, actor_id, …`: the columns of a subquery, with the role of the session as the default writer.
macro_rules! columns_or_role {
    () => {
        auditrail_core::record_columns!($crate::records::columns::lists::names_or_role)
    };
}
pub(crate) use columns_or_role;

/// `$1::uuid[], $2::text[], …`: an array for each column, as arguments of `unnest`.
macro_rules! arrays {
    () => {
        auditrail_core::record_columns!($crate::records::columns::lists::typed_arrays)
    };
}
pub(crate) use arrays;

macro_rules! names {
    ($first:literal $id:ident $id_type:ident $required:ident $id_description:literal;
     $($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!(stringify!($id) $(, ", ", stringify!($name))+)
    };
}
pub(crate) use names;

macro_rules! own_names {
    ($first:literal $id:ident $id_type:ident $required:ident $id_description:literal;
     $($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!(stringify!($id) $(, $crate::records::columns::lists::own_name!($name))+)
    };
}
pub(crate) use own_names;

macro_rules! own_name {
    (recorded_by) => {
        ""
    };
    ($name:ident) => {
        concat!(", ", stringify!($name))
    };
}
pub(crate) use own_name;

macro_rules! own_dollars {
    ($first:literal $id:ident $id_type:ident $required:ident $id_description:literal;
     $($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!("$", $first $(, $crate::records::columns::lists::own_dollar!($name $position))+)
    };
}
pub(crate) use own_dollars;

macro_rules! own_dollar {
    (recorded_by $position:literal) => {
        ""
    };
    ($name:ident $position:literal) => {
        concat!(", $", $position)
    };
}
pub(crate) use own_dollar;

macro_rules! dollars {
    ($first:literal $id:ident $id_type:ident $required:ident $id_description:literal;
     $($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!("$", $first $(, ", $", $position)+)
    };
}
pub(crate) use dollars;

macro_rules! names_or_role {
    ($first:literal $id:ident $id_type:ident $required:ident $id_description:literal;
     $($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!(stringify!($id) $(, ", ", $crate::records::columns::lists::name_or_role!($name))+)
    };
}
pub(crate) use names_or_role;

macro_rules! name_or_role {
    (recorded_by) => {
        "coalesce(recorded_by, 'role:' || session_user)"
    };
    ($name:ident) => {
        stringify!($name)
    };
}
pub(crate) use name_or_role;

macro_rules! typed_arrays {
    ($first:literal $id:ident $id_type:ident $required:ident $id_description:literal;
     $($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!("$", $first, "::", stringify!($id_type), "[]"
            $(, ", $", $position, "::", stringify!($sql_type), "[]")+)
    };
}
pub(crate) use typed_arrays;

/// The two placeholders after those of the columns, with a condition on an API key.
macro_rules! key_condition {
    ($($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $key:literal $version:literal $third:literal) => {
        concat!("id = $", $key, " and xmin = $", $version)
    };
}
pub(crate) use key_condition;

/// The arrays of flags after those of the columns.
macro_rules! flag_arrays {
    ($($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!($(", $", $after, "::boolean[]"),+)
    };
}
pub(crate) use flag_arrays;

/// Whether each column of `stored` has the content of `requested`, in the provided fields.
macro_rules! comparisons {
    ($($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        concat!("true" $(, $crate::records::columns::lists::comparison!($name $presence))+)
    };
}
pub(crate) use comparisons;

macro_rules! comparison {
    (id required) => {
        ""
    };
    (created_at required) => {
        " and (stored.created_at = requested.created_at or not requested.compares_time)"
    };
    (recorded_by optional) => {
        ""
    };
    (metadata optional) => {
        " and (stored.metadata is not distinct from requested.metadata \
               or not requested.compares_metadata \
               or requested.metadata is null and not requested.compares_null)"
    };
    // Records from before migration 019 have IPv4-mapped addresses.
    (ip_address optional) => {
        " and (stored.ip_address is not distinct from requested.ip_address \
               or requested.ip_address is null and not requested.compares_null \
               or family(requested.ip_address) = 4 and masklen(requested.ip_address) = 32 \
                  and stored.ip_address = ('::ffff:' || host(requested.ip_address))::inet)"
    };
    ($name:ident required) => {
        concat!(" and stored.", stringify!($name), " = requested.", stringify!($name))
    };
    ($name:ident optional) => {
        concat!(
            " and (stored.",
            stringify!($name),
            " is not distinct from requested.",
            stringify!($name),
            " or requested.",
            stringify!($name),
            " is null and not requested.compares_null)"
        )
    };
}
pub(crate) use comparison;
