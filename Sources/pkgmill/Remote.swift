import Artifacts
import Crypto
import Enqueuer
import JSON
import QueueModel
import Synchronization
import System
import Terminal
import WebClient

/// The options of commands that can ask a server.
let remoteOptions: [CommandSyntax.Option] = [
    .init("server", "URL", help: "ask the farm behind this address: https://HOST[:PORT]"),
    .init("key-file", "FILE", help: "with --server: a file with an API key, which only its owner may read"),
    .init("ca-file", "FILE", help: "with --server: the certificate of its authority (default: the system's)"),
    .init("without-tls", help: "with --server: let the key travel in plain to another machine"),
]

/// A farm behind a server. It is asked again where it can be: when the network fails, and when it says that it is busy.
struct Remote: JobSource {
    private let client: WebClient

    private static let mostTries = 6

    /// The server that `invocation` names; nil where it names none.
    init?(_ invocation: Invocation, needsKey: Bool = true) throws {
        guard let text = invocation.value("server") else {
            for option in ["key-file", "ca-file"] where invocation.value(option) != nil {
                throw UsageError.badValue(
                    option: option, value: invocation.value(option) ?? "", expected: "--server beside it")
            }
            return nil
        }
        let path = invocation.value("key-file")
        guard path != nil || !needsKey else {
            throw UsageError.missingValue(option: "key-file", expected: "FILE, where there is --server")
        }
        client = try WebClient(
            ServerAddress(text), key: try path.map(Self.key), authority: invocation.value("ca-file"),
            agent: "pkgmill/\(Version.number)", allowingPlain: invocation.has("without-tls"))
    }

    private init(_ client: WebClient) { self.client = client }

    /// The server and the path of a link to a file; nil for what is no link.
    static func link(_ text: String, _ invocation: Invocation) throws -> (remote: Remote, path: String)? {
        let bytes = Array(text.utf8)
        guard ["https://", "http://"].contains(where: { bytes.starts(with: $0.utf8) }),
            let start = bytes.firstIndex(of: UInt8(ascii: "/")).map({ $0 + 2 })
        else { return nil }
        let end = bytes[start...].firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
        let address = try ServerAddress(String(decoding: bytes[..<end], as: UTF8.self))
        // A token travels in the path.
        let client = try WebClient(
            address, key: nil, authority: invocation.value("ca-file"), agent: "pkgmill/\(Version.number)",
            allowingPlain: invocation.has("without-tls"))
        let path = bytes[end...]
        guard path.starts(with: "/d/".utf8), path.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x23 }) else {
            throw UsageError.badValue(
                option: "URL", value: "\(address)/...",
                expected: "https://HOST/d/TOKEN, as 'pkgmill token' and pages give it")
        }
        return (Remote(client), String(decoding: path, as: UTF8.self))
    }

    /// The key in a file that nobody else can read.
    private static func key(_ path: String) throws -> SecretBytes {
        let file = try File.open(path)
        guard try file.status().mode & 0o077 == 0 else { throw RemoteError.exposedKey(path: path) }
        let bytes = try file.readAll(limit: 4096)
        let key = bytes.filter { $0 > 0x20 }
        guard !key.isEmpty, key.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw RemoteError.noKey(path: path) }
        return SecretBytes(key)
    }

    // MARK: Jobs

    func submit(_ order: InstallerOrder) async throws -> (job: JSONValue, notes: [String]) {
        var members: [JSONValue.Member] = []
        func add(_ name: String, _ value: JSONValue?) { if let value { members.append(.init(name, value)) } }
        add("nodeName", order.nodeName.map { .string($0) })
        add("packageName", order.packageName.map { .string($0) })
        add("sealing", order.sealing.map { .string($0) })
        add("lane", order.lane.map { .string($0) })
        if order.isUnique { add("unique", true) }
        if !order.labels.isEmpty {
            let labels = try order.labels.map { label in
                guard let mark = label.utf8.firstIndex(of: UInt8(ascii: "=")) else { throw OrderError.badLabel(label) }
                return JSONValue.Member(
                    String(label[..<mark]), .string(String(label[label.utf8.index(after: mark)...])))
            }
            add("labels", .object(labels))
        }
        if let time = order.notBefore {
            add("delaySeconds", .integer(max(0, (time - Timestamp.systemClock()).components.seconds)))
        }
        let document = try await post("/v1/jobs", .object(members), key: order.idempotencyKey)
        let notes = (document["notes"]?.array ?? []).compactMap(\.string).map { Printable.text($0, limit: 500) }
        let isDegraded = document["durability"]?.string == "degraded"
        return (
            .object((document.members ?? []).filter { $0.name != "notes" }),
            notes + (isDegraded ? ["durability: degraded; the server's log says why"] : [])
        )
    }

    func submit(_ batch: BatchFile) async throws -> BatchOutcome {
        let document = try await post("/v1/batches", batch.json, key: nil)
        let names = ["rows", "notes"]
        return BatchOutcome(
            batch: .object((document.members ?? []).filter { !names.contains($0.name) }),
            rows: document["rows"]?.array ?? [],
            notes: (document["notes"]?.array ?? []).compactMap(\.string).map { Printable.text($0, limit: 500) })
    }

    func status(_ id: Job.ID) async throws -> JSONValue { try document(await ask("GET", "/v1/jobs/\(id)")) }

    func cancel(_ id: Job.ID) async throws -> JSONValue {
        try document(await ask("POST", "/v1/jobs/\(id)/cancel"))
    }

    func retry(_ id: Job.ID) async throws -> JSONValue { try document(await ask("POST", "/v1/jobs/\(id)/retry")) }

    func list(
        state: String?, lane: Lane?, limit: Int, cursor: String?
    ) async throws -> (jobs: [JSONValue], next: String?) {
        var query = ["limit=\(limit)"]
        if let state { query.append("state=\(state)") }
        if let lane { query.append("lane=\(lane.name)") }
        if let cursor { query.append("cursor=\(try JobCursor(cursor))") }
        let page = try document(await ask("GET", "/v1/jobs?" + query.joined(separator: "&")))
        return (page["jobs"]?.array ?? [], page["next"]?.string)
    }

    func watch(_ id: Job.ID, seen: (JSONValue) -> Void) async throws -> JSONValue {
        var last: JSONValue?
        var tag: String?
        var pause = Duration.milliseconds(100)
        while true {
            let answer = try await ask("GET", "/v1/jobs/\(id)", fields: tag.map { ["If-None-Match: \($0)"] } ?? [])
            if answer.status != 304 {
                let job = try document(answer)
                if job != last { seen(job) }
                if JobText.isFinal(job) { return job }
                last = job
                tag = answer.field("etag")
                pause = .milliseconds(100)
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 1.5, .seconds(2))
        }
    }

    func token(for id: Job.ID, lifetime: Duration?, maxUses: Int?) async throws -> String {
        var members: [JSONValue.Member] = []
        if let lifetime { members.append(.init("expiresSeconds", .integer(lifetime.components.seconds))) }
        if let maxUses { members.append(.init("maxUses", .integer(Int64(maxUses)))) }
        let answer = try await ask("POST", "/v1/artifacts/\(id)/tokens", body: .object(members))
        guard let token = try document(answer)["token"]?.string else { throw RemoteError.notUnderstood }
        return token
    }

    // MARK: Files

    func fetch(_ id: Job.ID, to path: String, replacing: Bool) async throws -> ArtifactContent {
        try await fetch(path: "/v1/artifacts/\(id)", to: path, replacing: replacing)
    }

    func fetch(token: String, to path: String, replacing: Bool) async throws -> ArtifactContent {
        guard token.utf8.allSatisfy({ (0x2D...0x7A).contains($0) && $0 != 0x2F }) else { throw RemoteError.noToken }
        return try await fetch(path: "/d/" + token, to: path, replacing: replacing)
    }

    /// Fetches the file at `source`, from where an earlier try has left it, and gives it its name when its digest is the one
    /// that the server has told.
    func fetch(path source: String, to path: String, replacing: Bool) async throws -> ArtifactContent {
        // What is the same again is found by what is asked for, of which nothing must show.
        let key = Hex.encode(Array(SHA256Digest(of: Array("\(client.server)\(source)".utf8)).bytes.prefix(12)))
        let target: PendingFile
        do { target = try PendingFile(path: path, resuming: key, replacing: replacing) } catch {
            throw error.isAlreadyThere ? DeliveryError.alreadyThere(path: path) : .disk(detail: error.description)
        }
        var answer = try await part(source, of: target)
        if answer.status == 416 {
            // All of it may be there already.
            answer = try await ask("HEAD", source)
        }
        guard (200...206).contains(answer.status) else {
            target.discard()
            throw RemoteError(answer, isForToken: source.utf8.starts(with: "/d/".utf8))
        }
        guard let told = answer.field("repr-digest").flatMap(Self.digest) else {
            target.discard()
            throw RemoteError.notUnderstood
        }
        let (found, count) = try Self.digest(of: target.file)
        guard found == told else {
            target.discard()
            throw DeliveryError.damaged(expected: told.hex, found: found.hex)
        }
        do { try target.commit() } catch { throw DeliveryError.disk(detail: error.description) }
        return ArtifactContent(digest: found, byteCount: count)
    }

    private func part(_ source: String, of target: PendingFile) async throws -> WebAnswer {
        var tries = 0
        let progress = Progress()
        while true {
            do throws(WebError) {
                let offset = (try? target.file.status().byteCount) ?? 0
                return try await client.fetch(source, into: target.file, from: offset) { progress.show($0, $1) }
            } catch {
                tries += 1
                // What has come stays, for the next try or the next command.
                guard error.isPassing, tries < Self.mostTries else { throw error }
            }
            try await Task.sleep(for: .milliseconds(250) * (1 << tries))
        }
    }

    /// `sha-256=:...:`, alone or among others.
    private static func digest(_ field: String) -> SHA256Digest? {
        for item in field.utf8.split(separator: UInt8(ascii: ",")) {
            let item = item.drop { $0 == 0x20 }
            let mark = Array("sha-256=:".utf8)
            guard item.starts(with: mark) else { continue }
            let text = item.dropFirst(mark.count).prefix { $0 != UInt8(ascii: ":") }
            return Base64.decode(String(decoding: Array(text), as: UTF8.self)).flatMap { SHA256Digest(bytes: $0) }
        }
        return nil
    }

    private static func digest(of file: File) throws -> (SHA256Digest, Int64) {
        let hash = Hash(.sha256)
        var offset: Int64 = 0
        while true {
            let chunk = try file.read(1 << 20, at: offset)
            if chunk.isEmpty { return (SHA256Digest(finishing: hash), offset) }
            hash.update(chunk)
            offset += Int64(chunk.count)
        }
    }

    // MARK: Asking

    /// A submission: under a key, so that it may be sent again when nobody knows whether it has arrived.
    private func post(_ path: String, _ body: JSONValue, key: String?) async throws -> JSONValue {
        let name = key ?? "cli-" + Hex.encode(RandomSource.system.bytes(16))
        guard name.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }) else {
            throw UsageError.badValue(option: "idempotency-key", value: name, expected: "visible ASCII without quotes")
        }
        return try document(
            await ask("POST", path, fields: ["Idempotency-Key: \"\(name)\""], body: body, isRepeatable: true))
    }

    private func ask(
        _ method: String, _ path: String, fields: [String] = [], body: JSONValue? = nil, isRepeatable: Bool = false
    ) async throws -> WebAnswer {
        var tries = 0
        while true {
            tries += 1
            var pause = Duration.milliseconds(250) * (1 << tries)
            do throws(WebError) {
                let answer = try await client.ask(method, path, fields: fields, body: body?.bytes())
                guard answer.status == 503 || answer.status == 429, tries < Self.mostTries,
                    let seconds = answer.field("retry-after").flatMap({ Int64($0) }), seconds <= 30
                else { return answer }
                pause = .seconds(max(1, seconds))
            } catch {
                guard error.isPassing, isRepeatable || method == "GET" || method == "HEAD", tries < Self.mostTries
                else {
                    throw error
                }
            }
            try await Task.sleep(for: pause)
        }
    }

    private func document(_ answer: WebAnswer) throws -> JSONValue {
        guard (200...299).contains(answer.status) else { throw RemoteError(answer, isForToken: false) }
        guard let document = try? JSONValue(parsing: answer.body) else { throw RemoteError.notUnderstood }
        return document
    }
}

/// A progress line that the client's thread draws.
private final class Progress: Sendable {
    private let line = Mutex(ProgressLine())

    func show(_ done: Int64, _ total: Int64) { line.withLock { $0.show("fetch", done: done, total: total) } }

    deinit { line.withLock { $0.clear() } }
}

/// Why a server did not do what was asked.
enum RemoteError: Error, Equatable, CustomStringConvertible {
    /// It says so: its status, and what it says.
    case refused(status: Int, detail: String, isForToken: Bool)
    /// What it says is no answer of Pkgmill's.
    case notUnderstood
    /// Others may read the key.
    case exposedKey(path: String)
    /// There is no key in the file.
    case noKey(path: String)
    /// What was given is neither an id nor a token.
    case noToken

    init(_ answer: WebAnswer, isForToken: Bool) {
        guard let problem = try? JSONValue(parsing: answer.body), let detail = problem["detail"]?.string else {
            self = .refused(status: answer.status, detail: "the server says no more than that", isForToken: isForToken)
            return
        }
        let parts = (problem["errors"]?.array ?? []).compactMap { part -> String? in
            guard let place = part["pointer"]?.string, let text = part["detail"]?.string else { return nil }
            return "\(place): \(text)"
        }
        let text = ([detail] + parts.filter { !$0.utf8.suffix(detail.utf8.count).elementsEqual(detail.utf8) }).joined(
            separator: "; ")
        self = .refused(status: answer.status, detail: Printable.text(text, limit: 2000), isForToken: isForToken)
    }

    var description: String {
        switch self {
        case .refused(let status, let detail, _): "\(detail) [\(status)]"
        case .notUnderstood: "the server's answer is none of Pkgmill's; is it the right address?"
        case .exposedKey(let path): "\(Printable.text(path)): others may read this key; run chmod 600 on it"
        case .noKey(let path): "\(Printable.text(path)): expected an API key, as 'pkgmill key add' prints it"
        case .noToken: "expected a job's id, a download token or its URL"
        }
    }
}
