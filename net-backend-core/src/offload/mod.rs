//! What hardware does for a NIC, in software: checksums, segmentation, coalescing.
