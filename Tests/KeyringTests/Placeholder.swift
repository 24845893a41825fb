// The tests of Keyring.
