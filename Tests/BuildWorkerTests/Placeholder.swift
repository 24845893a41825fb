// The tests of BuildWorker.
