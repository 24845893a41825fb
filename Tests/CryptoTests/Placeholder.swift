// The tests of Crypto.
