// The tests of NodeInstaller.
