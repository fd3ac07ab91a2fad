// Package bench measures the whole house beside a plain alternative in the same run: loading an extract beside the
// DuckDB COPY that a user would write by hand, and indicators beside hand-written SQL on the same Parquet files. It
// prints CPU seconds, wall time, peak memory and their ratios; it judges nothing and is no test. Recorded results,
// with the command that made them, stand in bench/RESULTS.md.
package bench
