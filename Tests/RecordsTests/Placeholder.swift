// The tests of Records.
