//! Random units: the embedded store agrees with a simple model, and Redis with the embedded one.
