// The room Keyring.
