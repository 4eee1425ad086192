//! Development commands of the net-backend workspace.

fn main() {}
