//! The audit log of a control plane.

fn main() {}
