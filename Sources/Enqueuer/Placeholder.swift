// The room Enqueuer.
