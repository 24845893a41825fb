// The tests of SQLiteStore.
