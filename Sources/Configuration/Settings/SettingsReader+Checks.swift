extension SettingsReader {
    /// What the settings of cluster and sessions need of one another.
    mutating func check(_ cluster: ClusterSettings, _ sessions: SessionsSettings) {
        let interval = Settings.Cluster.heartbeatInterval.description.name
        let timeout = Settings.Cluster.nodeTimeout.description.name
        if areSound([interval, timeout]), cluster.nodeTimeout <= cluster.heartbeatInterval {
            // Named at the one of the two that somebody set.
            note(
                place(of: timeout, interval), timeout, value: Mistake.shown(String(cluster.nodeTimeout)),
                "\(cluster.nodeTimeout) is not more than \(interval), which is \(cluster.heartbeatInterval)",
                "write at least \(cluster.heartbeatInterval + 1), or several times the interval")
        }
        if cluster.isEnabled {
            let backend = Settings.Cluster.backend.description.name
            switch cluster.backend {
            case .redis: require(Settings.Cluster.redisHost, cluster.redisHost, for: backend, "redis")
            case .file: require(Settings.Cluster.storagePath, cluster.storagePath, for: backend, "file")
            case .sqlite: break
            }
        }
        let backend = Settings.Sessions.backend.description.name
        switch sessions.backend {
        case .redis: require(Settings.Sessions.redisHost, sessions.redisHost, for: backend, "redis")
        case .file:
            // With the cluster's backend the same, the folder was asked for above.
            if cluster.isEnabled, cluster.backend == .file { break }
            require(Settings.Cluster.storagePath, cluster.storagePath, for: backend, "file")
        case .sqlite: break
        }
    }

    /// No folder of the farm may lie in another: workers empty theirs, and all that is in the payload goes into
    /// installers, which anyone can read.
    mutating func check(_ farm: FarmSettings, _ cluster: ClusterSettings, _ server: ServerSettings) {
        let payload = (name: Settings.Farm.payload.description.name, path: farm.payload)
        let own = [
            (name: Settings.Farm.database.description.name, path: farm.database),
            (name: Settings.Farm.outbox.description.name, path: farm.outbox),
            (name: Settings.Farm.keys.description.name, path: farm.keys),
            (name: Settings.Farm.artifacts.description.name, path: farm.artifacts),
            (name: Settings.Farm.cache.description.name, path: farm.cache),
            (name: Settings.Farm.work.description.name, path: farm.work),
        ]
        let others = [
            (name: Settings.Cluster.storagePath.description.name, path: cluster.storagePath),
            (name: Settings.Server.dbPath.description.name, path: server.dbPath),
            (name: "the configuration", path: path),
        ].compactMap { other in other.path.map { (name: other.name, path: $0) } }

        guard areSound(([payload] + own + others).map(\.name)) else { return }
        if let held = (own + others).first(where: { SettingPath.isInside($0.path, payload.path) }) {
            noteFolder(
                payload, "holds \(held.name) (\(Mistake.shown(held.path))), which would go into every installer",
                "give the payload a folder of its own")
        }
        let folders = own + [payload]
        for (index, first) in folders.enumerated() {
            for second in folders[(index + 1)...] {
                if SettingPath.isInside(second.path, first.path) {
                    noteOverlap(second, first)
                } else if SettingPath.isInside(first.path, second.path), second.name != payload.name {
                    noteOverlap(first, second)
                }
            }
        }
    }

    /// What the settings of the farm's Redis need of one another.
    mutating func check(_ queue: FarmSettings.Queue, _ redis: FarmRedisSettings) {
        let address = Settings.FarmRedis.address.description.name
        let sentinels = Settings.FarmRedis.sentinels.description.name
        let queueName = Settings.Farm.queue.description.name
        if queue == .redis, redis.address == nil, redis.sentinels.isEmpty, areSound([address, sentinels, queueName]) {
            note(
                place(of: queueName), address, "is not set, and \(queueName) is redis",
                "write \(Settings.FarmRedis.address.description.expected), or \(sentinels)")
        }
        if redis.address != nil, !redis.sentinels.isEmpty, areSound([address, sentinels]) {
            note(place(of: address), address, "is set, and so are \(sentinels), which know it", "keep one of the two")
        }
        let certificate = Settings.FarmRedis.certificate.description.name
        let key = Settings.FarmRedis.key.description.name
        if (redis.certificate == nil) != (redis.key == nil), areSound([certificate, key]) {
            note(
                place(of: certificate, key), certificate, "and \(key) belong together, and one is missing", "write both"
            )
        }
    }

    private mutating func require(
        _ setting: Setting<String?>, _ value: String?, for backend: String, _ word: String
    ) {
        let name = setting.description.name
        guard value == nil, areSound([name, backend]) else { return }
        note(
            place(of: backend), name, "is not set, and \(backend) is \(word)", "write \(setting.description.expected)")
    }

    private mutating func noteOverlap(_ inner: (name: String, path: String), _ outer: (name: String, path: String)) {
        noteFolder(
            inner, "is \(outer.name) or lies in it (\(Mistake.shown(outer.path)))", "give each a place of its own")
    }

    private mutating func noteFolder(_ folder: (name: String, path: String), _ problem: String, _ expected: String) {
        let shown = Mistake.shown(folder.path)
        note(place(of: folder.name), folder.name, value: shown, "\(shown) \(problem)", expected)
    }
}
