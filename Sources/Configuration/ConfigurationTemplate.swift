public import System

/// The `pkgmill.yaml` that `pkgmill init` writes: every setting with its default and its sentence, a few of them set.
public enum ConfigurationTemplate {
    /// The text of the file.
    ///
    /// The cluster is on with the backend `file`, the folders of the farm lie beside the file, and how secrets are
    /// sealed is left to each submission. No secret is in it: the keyring makes them.
    ///
    /// - Parameters:
    ///   - storagePath: the folder that all nodes share, as it is to be written.
    ///   - contentDate: the date of the files in packages; the day counts.
    ///   - payloadVersion: dotted digits.
    ///   - redisAddress: the Redis in which jobs and records are; nil where they are in the farm's own database.
    public static func text(
        storagePath: String, contentDate: Timestamp, payloadVersion: String, redisAddress: String? = nil
    ) -> String {
        var set = [
            Settings.Cluster.enabled.description.name: "true",
            Settings.Cluster.backend.description.name: Backend.file.rawValue,
            Settings.Cluster.storagePath.description.name: writtenScalar(storagePath),
            Settings.Farm.payloadVersion.description.name: YAML.quoted(payloadVersion),
            Settings.Farm.contentDate.description.name: contentDate.dateText,
        ]
        for folder in [
            Settings.Farm.queue.description, Settings.Farm.database.description, Settings.Farm.keys.description,
            Settings.Farm.artifacts.description, Settings.Farm.cache.description, Settings.Farm.work.description,
            Settings.Farm.payload.description,
        ] { set[folder.name] = folder.written }
        if let redisAddress {
            set[Settings.Farm.queue.description.name] = FarmSettings.Queue.redis.rawValue
            set[Settings.FarmRedis.address.description.name] = YAML.quoted(redisAddress)
        }
        return heading + body(set: set)
    }

    private static let heading = """
        # The configuration of this farm. Check it with: pkgmill check
        #
        # A line that begins with # is not read; where it shows a setting, it shows the default.
        # Every setting can also be given by an environment variable, which counts more than this file:
        # \(Settings.Server.port.description.name) by \(Settings.Server.port.description.variable). Relative paths count from the folder of this file.
        #
        # Secrets are not here: the farm makes its own and keeps them in its keyring.

        """

    private static func body(set: [String: String]) -> String {
        var lines: [String] = []
        var sections: [String] = []
        for setting in Settings.all where !setting.isSecret {
            let path = setting.path
            for (depth, section) in path.dropLast().enumerated() {
                guard depth >= sections.count || sections[depth] != section else { continue }
                sections = Array(sections.prefix(depth)) + [section]
                lines += ["", indentation(depth) + section + ":"]
            }
            sections = Array(sections.prefix(path.count - 1))
            let indentation = indentation(path.count - 1)
            lines += comment(setting).map { indentation + "# " + $0 }
            let name = path.last ?? setting.name
            lines.append(
                set[setting.name].map { "\(indentation)\(name): \($0)" }
                    ?? "\(indentation)# \(name):\(setting.written.map { " \($0)" } ?? "")")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func indentation(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

    /// The setting's sentence and what may be written, wrapped.
    private static func comment(_ setting: SettingDescription) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in "\(setting.help) Write \(setting.expected).".split(separator: " ") {
            if line.utf8.count + word.utf8.count > 90 {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [line]
    }
}
