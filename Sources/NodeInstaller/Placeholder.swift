// The room NodeInstaller.
