// The tests of Enqueuer.
