/// What a person who finds an installed node, or is about to install one, wants to know. Holds no secret.
struct ReadmeText {
    let request: InstallerRequest

    /// The text, UTF-8, lines of at most about 80 columns.
    var text: String {
        """
        Pkgmill node
        ============

        This package makes a Mac a node of a Pkgmill cluster: it installs the server and
        its configuration, and starts it. The Mac joins by itself.

          Node name      \(request.nodeName?.text ?? "the Mac's own, taken when it is installed")
          Node version   \(request.nodeVersion) (generation \(request.generation) of the keys)
          Server         \(request.payload.version)
          Cluster        \(meetingPlace)
          Logins         \(loginPlace)
          Needs          macOS \(request.target.minimumMacOS) or later on \(architectures)


        Who can read it
        ---------------

        The sealing of this package is "plain": its configuration lies in it as it is.
        Whoever has the file can read the keys and passwords in it, so treat the file
        itself as a secret: give it to nobody else, and remove the copies that are no
        longer needed. Copies that were lost stay readable until the keys are rotated.


        Install
        -------

          sudo installer -pkg "\(request.packageName.text)" -target /

        Installing a newer package over it is the way to upgrade. What was changed or
        added in config.yaml on this Mac stays so, and so does its node_id; all other
        values follow the package, rotated keys among them. A key that was changed on
        this Mac stays too: to follow rotations again, remove its line first.


        What lies where
        ---------------

          \(InstallerLayout.prefix)
              the server; replaced by every upgrade
          \(InstallerLayout.configurationFile)
              the configuration; only root may read it
          \(InstallerLayout.configurationFile).shipped
              what the last package brought
          \(InstallerLayout.configurationFile).previous
              the configuration before the last upgrade that changed it
          \(request.settings.databasePath)
              the server's database
          \(InstallerLayout.propertyList)
              the launchd job
          \(InstallerLayout.log)
              the server's log


        See that it runs
        ----------------

          sudo launchctl print system/\(InstallerLayout.label)
          tail -f \(InstallerLayout.log)
          pkgutil --pkg-info \(request.identifierPrefix).node

        What the installation itself did is in /var/log/install.log. To start the server
        by hand:

          sudo launchctl bootstrap system \(InstallerLayout.propertyList)


        Uninstall
        ---------

          sudo sh \(InstallerLayout.prefix)/\(InstallerLayout.documentation)/uninstall.sh

        keeps the configuration and the log; with --purge they are removed as well.

        """
    }

    private var meetingPlace: String {
        switch request.settings.backend {
        case .redis(let address, let usesTLS): "Redis at \(Self.text(address))\(usesTLS ? " over TLS" : "")"
        case .file: "the shared folder \(request.settings.storagePath ?? "")"
        }
    }

    private var loginPlace: String {
        switch request.settings.sessions {
        case .redis(let address): "in Redis at \(Self.text(address))"
        case .sqlite: "on this Mac"
        case .file: "in the shared folder"
        }
    }

    private var architectures: String {
        request.target.architectures.map(\.rawValue).joined(separator: " or ")
    }

    private static func text(_ address: NodeSettings.RedisAddress) -> String {
        address.host.utf8.contains(0x3A) ? "[\(address.host)]:\(address.port)" : "\(address.host):\(address.port)"
    }
}
