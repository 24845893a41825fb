/// Where the parts of a node lie on a Mac, and what they are called. Scripts and documentation name the same places.
public enum InstallerLayout {
    /// Where `server.pkg` is installed; its payload's root.
    public static let prefix = "/usr/local/pkgmill"
    /// The folder of a node's configuration, 0700.
    public static let configurationFolder = "/Library/Application Support/Pkgmill"
    /// The configuration that a node reads.
    public static let configurationFile = configurationFolder + "/config.yaml"
    /// The server's database, unless the farm's configuration names another.
    public static let databaseFile = configurationFolder + "/server.db"
    /// The launchd job's label.
    public static let label = "com.pkgmill.server"
    /// The launchd job's property list.
    public static let propertyList = "/Library/LaunchDaemons/\(label).plist"
    /// Where the server's output goes.
    public static let log = "/var/log/fleet-server.log"
    /// The folder below the prefix that belongs to `node.pkg`: its documentation.
    public static let documentation = "share/pkgmill-node"
    /// The name of the component with the payload.
    public static let serverPackage = "server.pkg"
    /// The name of the component with a node's own part.
    public static let nodePackage = "node.pkg"
}
