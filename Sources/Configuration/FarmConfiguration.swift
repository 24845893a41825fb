public import Crypto
public import System

/// A whole `pkgmill.yaml` with the environment laid over it: every value typed, checked, and absolute where it is a path.
///
/// The environment counts more than the file, the file more than the default. An empty variable and a setting without a
/// value count as not set.
public struct FarmConfiguration: Sendable, Equatable {
    /// How this machine takes part in a cluster.
    public let cluster: ClusterSettings
    /// What the server listens on.
    public let server: ServerSettings
    /// Where logins are kept.
    public let sessions: SessionsSettings
    /// What a farm builds, and where.
    public let farm: FarmSettings
    /// The secrets that the configuration gives, by dotted name: `server.api_key`. Others come from the keyring.
    public let secrets: [String: SecretBytes]
    /// Those of them that an installed node gets. The farm's own never leave it.
    public var nodeSecrets: [String: SecretBytes] { secrets.filter { !$0.key.utf8.starts(with: "farm.".utf8) } }
    /// The file, absolute.
    public let path: String
    /// The folder in which the file lies, absolute: what relative paths count from.
    public let directory: String
    /// What works, and should be otherwise.
    public let warnings: [Mistake]

    /// The environment variables that hold secrets themselves; no child process gets them.
    public static let secretVariables = Settings.all.filter(\.isSecret).map(\.variable)

    /// Reads the file at `path` and the files of secrets that it names.
    ///
    /// - Parameters:
    ///   - environment: the variables that begin with `PKGMILL_`; others are looked over.
    ///   - workingDirectory: what a relative `path` counts from.
    /// - Throws: every mistake there is, not only the first.
    public static func load(
        path: String, environment: [String: String], workingDirectory: String = CurrentProcess.workingDirectory
    ) throws(ConfigurationError) -> FarmConfiguration {
        let path = SettingPath.absolute(path, below: workingDirectory)
        let file = try read(path)
        return try FarmConfiguration(parsing: file, path: path, environment: environment)
    }

    /// Reads a file that is in memory already; touches nothing but by `readSecretFile`.
    ///
    /// - Parameters:
    ///   - path: where the file lies or would lie, absolute.
    ///   - readSecretFile: the file at an absolute path that a setting ending in `_file` names.
    /// - Throws: every mistake there is, not only the first.
    public init(
        parsing file: ConfigurationFile, path: String, environment: [String: String] = [:],
        readSecretFile: (String) throws(SystemError) -> ConfigurationFile = { (path) throws(SystemError) in
            try ConfigurationFile.secret(path)
        }
    ) throws(ConfigurationError) {
        var reader = SettingsReader(YAML.parse(file.bytes), path: path, environment: environment)
        cluster = ClusterSettings(&reader)
        server = ServerSettings(&reader)
        sessions = SessionsSettings(&reader)
        farm = FarmSettings(&reader)
        secrets = reader.secrets(readFile: readSecretFile)
        reader.checkExposure(of: file)
        reader.check(cluster, sessions)
        reader.check(farm, cluster, server)
        reader.check(farm.queue, farm.redis)
        self.path = reader.path
        directory = reader.directory
        warnings = reader.warnings
        guard reader.mistakes.isEmpty else { throw ConfigurationError(reader.mistakes) }
    }

    private static func read(_ path: String) throws(ConfigurationError) -> ConfigurationFile {
        let place = Mistake.Place.file(path: path, line: nil, column: nil)
        let file: ConfigurationFile
        do {
            file = try ConfigurationFile(reading: path, limit: YAML.Limit.textByteCount)
        } catch  where error.isNotFound {
            throw ConfigurationError([
                Mistake(
                    place, problem: "there is no such file",
                    expected: "make one with `pkgmill init`, or name another with --config")
            ])
        } catch {
            throw ConfigurationError([
                Mistake(place, problem: error.description, expected: "make it readable for the user who runs this")
            ])
        }
        guard file.kind == .regular else {
            throw ConfigurationError([
                Mistake(place, problem: "this is a \(file.kind.rawValue)", expected: "name a regular file")
            ])
        }
        guard file.byteCount <= Int64(YAML.Limit.textByteCount) else {
            throw ConfigurationError([
                Mistake(
                    place, problem: "the file has \(file.byteCount) bytes",
                    expected: "keep it within \(YAML.Limit.textByteCount) bytes (1 MiB)")
            ])
        }
        return file
    }
}
