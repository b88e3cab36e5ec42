//! What a superuser does to a live log past its guards, and what must not raise an alarm.
//!
//! A record that is removed after it was sealed leaves its entry: proofs that were made before stay valid, and only a
//! comparison of the database with its log would find the removal.

mod attacker;
mod harmless;
mod records;
mod restored;
mod rewritten;
