import FlatPackage
import Terminal

/// The pages that are not one command's.
enum Help {
    static func overview(of commands: [CommandSyntax]) -> String {
        """
        Pkgmill builds macOS installers for the nodes of a fleet server cluster, on Linux, without a Mac.

        Usage: pkgmill COMMAND [OPTIONS]

        Commands:
        \(table(commands.map { ($0.name, $0.summary) }))
        A first installer, in an empty folder:
          pkgmill init && cp -R /path/to/server/. payload/
          pkgmill submit --node-name lab-1 --sealing plain
          pkgmill work --drain
          pkgmill fetch JOB-ID --output node.pkg

        'pkgmill help COMMAND' shows what a command takes. Settings: 'pkgmill help settings'.

        Exit codes:
        \(table(ExitCode.allCases.map { (String($0.rawValue), $0.meaning) }))
        """
    }
}

/// What this build is.
enum Version {
    static let number = "0.1.0"
    static let text = "pkgmill \(number)"

    /// What decides a package's bytes beside its request: pinned in each job.
    static let builder = "pkgmill \(number); \(PackageCompression.identity)"
}
