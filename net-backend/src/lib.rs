//! Network backends for virtual machine monitors: one trait, chosen at run time by a URI.
