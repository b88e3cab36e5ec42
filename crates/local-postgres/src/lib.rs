//! Finds, starts and supervises a private PostgreSQL.
