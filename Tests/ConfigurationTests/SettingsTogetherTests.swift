import Testing

@testable import Configuration

@Suite("Settings that need one another") struct SettingsTogetherTests {
    @Test("a node counts as gone only after more than one sign of life")
    func heartbeat() throws {
        #expect(try configuration("cluster:\n  heartbeat_interval: 29\n").cluster.heartbeatInterval == 29)
        #expect(
            answers("cluster:\n  heartbeat_interval: 30\n") == [
                "2: cluster.node_timeout: 30 is not more than cluster.heartbeat_interval, which is 30; "
                    + "write at least 31, or several times the interval"
            ])
        #expect(
            answers("cluster:\n  heartbeat_interval: 30\n  node_timeout: 20\n").first?.hasPrefix(
                "3: cluster.node_timeout: 20 is not more than ") == true)
        #expect(
            answers("", ["PKGMILL_CLUSTER_NODE_TIMEOUT": "5"]).first?.hasPrefix(
                "environment variable PKGMILL_CLUSTER_NODE_TIMEOUT: cluster.node_timeout: 5 is not more than ") == true)
    }

    @Test("an enabled cluster needs the place where its nodes meet")
    func clusterPlaces() {
        #expect(
            answers("cluster:\n  enabled: true\n  backend: redis\n") == [
                "3: cluster.redis_host: is not set, and cluster.backend is redis; "
                    + "write a host name or an IP address, without a port"
            ])
        #expect(
            answers("cluster:\n  enabled: true\n  backend: file\n") == [
                "3: cluster.storage_path: is not set, and cluster.backend is file; write an absolute path"
            ])
        #expect(answers("cluster:\n  enabled: true\n") == [])
        #expect(answers("cluster:\n  backend: redis\n") == [])
    }

    @Test("sessions need the place where they are kept, which the cluster may have named")
    func sessionPlaces() {
        #expect(
            answers("sessions:\n  backend: redis\n") == [
                "2: sessions.redis.host: is not set, and sessions.backend is redis; "
                    + "write a host name or an IP address, without a port"
            ])
        #expect(
            answers("sessions:\n  backend: file\n") == [
                "2: cluster.storage_path: is not set, and sessions.backend is file; write an absolute path"
            ])
        #expect(answers("cluster:\n  storage_path: /s\nsessions:\n  backend: file\n") == [])
        #expect(answers("cluster: {enabled: true, backend: file}\nsessions: {backend: file}\n").count == 1)
    }

    @Test("are not judged together where one of them has a mistake of its own")
    func unsound() {
        #expect(answers("cluster:\n  heartbeat_interval: 40\n  node_timeout: x\n").count == 1)
        #expect(answers("cluster:\n  enabled: true\n  backend: redis\n  redis_host: a b\n").count == 1)
        #expect(answers("cluster:\n  enabled: true\n  backend: redis\n  redis_host: &a b\n").count == 1)
        #expect(answers("farm:\n  work: ./keys\n  cache: ~/a\n").count == 1)
    }

    @Test(
        "no folder of the farm is another or lies in it",
        arguments: [
            ("work: ./keys", "2: farm.work: \"/srv/farm/keys\" is farm.keys or lies in it (\"/srv/farm/keys\")"),
            (
                "work: ./cache/w",
                "2: farm.work: \"/srv/farm/cache/w\" is farm.cache or lies in it (\"/srv/farm/cache\")"
            ),
            (
                "cache: ./a/../work",
                "farm.work: \"/srv/farm/work\" is farm.cache or lies in it (\"/srv/farm/a/../work\")"
            ),
            (
                "database: ./keys/f.db",
                "2: farm.database: \"/srv/farm/keys/f.db\" is farm.keys or lies in it (\"/srv/farm/keys\")"
            ),
            (
                "payload: ./work/p",
                "2: farm.payload: \"/srv/farm/work/p\" is farm.work or lies in it (\"/srv/farm/work\")"
            ),
        ])
    func overlaps(_ line: String, _ answer: String) {
        #expect(answers("farm:\n  \(line)\n") == [answer + "; give each a place of its own"])
    }

    @Test("folders with like names do not lie in one another")
    func siblings() {
        #expect(answers("farm:\n  work: ./cache-work\n  keys: ./cache2\n  artifacts: ./cach\n") == [])
    }

    @Test(
        "nothing of the farm or the cluster lies in the payload",
        arguments: [
            "farm: {payload: .}", "farm: {payload: /}", "farm: {keys: ./payload/keys}",
            "farm: {payload: ./p}\ncluster: {storage_path: /srv/farm/p/cluster}",
            "server: {db_path: /srv/farm/payload/x.db}",
        ])
    func payload(_ text: String) {
        #expect(
            answers(text).contains {
                $0.contains("farm.payload: ") && $0.contains(", which would go into every installer; ")
            })
    }
}
