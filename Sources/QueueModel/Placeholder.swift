// The room QueueModel.
