// The room BuildWorker.
