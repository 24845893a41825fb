/// The section `server`: what the server listens on and keeps.
public struct ServerSettings: Sendable, Equatable {
    /// The TCP port.
    public let port: Int
    /// The server's own database, absolute; nil where the server chooses.
    public let dbPath: String?

    init(_ reader: inout SettingsReader) {
        port = reader.value(of: Settings.Server.port)
        dbPath = reader.path(of: Settings.Server.dbPath)
    }
}
