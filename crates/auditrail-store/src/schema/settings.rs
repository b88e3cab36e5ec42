//! Settings of a session, independent of those of its database and role.

use sqlx::PgConnection;

/// The settings that change how the catalog prints definitions. With an empty search path all names are
/// qualified.
pub(super) const PRINTING: [(&str, &str); 8] = [
    ("search_path", ""),
    ("quote_all_identifiers", "off"),
    ("datestyle", "ISO, YMD"),
    ("timezone", "UTC"),
    ("intervalstyle", "postgres"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
];

/// Sets each setting that this version of PostgreSQL has, for the session.
pub(crate) async fn set_all(
    db: &mut PgConnection,
    settings: &[(&str, &str)],
) -> Result<(), sqlx::Error> {
    let (names, values): (Vec<&str>, Vec<&str>) = settings.iter().copied().unzip();
    sqlx::query(
        "select pg_catalog.set_config(name, value, false)
           from rows from (pg_catalog.unnest($1::pg_catalog.text[]),
                          pg_catalog.unnest($2::pg_catalog.text[])) wanted(name, value)
          where pg_catalog.current_setting(name, true) is not null",
    )
    .bind(names)
    .bind(values)
    .execute(db)
    .await?;
    Ok(())
}
