// The tests of QueueModel.
