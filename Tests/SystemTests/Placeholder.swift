// The tests of System.
