//! Reads, writes and makes the networks and inputs that the snicit engines work on.
