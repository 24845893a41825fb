import BuildWorker
import Configuration
import Enqueuer
import HTTP
import JSON
import Synchronization
import System
import Terminal

extension Command {
    static let serve = Command(
        syntax: CommandSyntax(
            "serve", summary: "Answer HTTP requests, and build what waits",
            discussion: """
                Listens on loopback unless told otherwise; an address that can be reached from elsewhere needs a certificate, or
                --without-tls where something else encrypts. SIGHUP reads the certificate again. SIGTERM or Ctrl-C takes no more
                requests, lets those that are there and the current job finish (at most farm.drain_seconds) and ends.
                The first start makes the admin that server.web_username and server.web_password name.
                Each request is one line on standard error; with --json one JSON document on standard output.
                """,
            options: [
                .init(
                    "listen", "ADDRESS:PORT", help: "where to listen (default: 127.0.0.1 and server.port); unix:PATH"),
                .init("workers", "N", help: "so many worker processes; 0: none, 1: in this process (default: 1)"),
                .init("certificate", "FILE", help: "PEM: the certificate, and those that lead to its authority"),
                .init("certificate-key", "FILE", help: "PEM: its key, which only its owner and its group may read"),
                .init("without-tls", help: "listen without encryption where others can reach it"),
                .json,
            ])
    ) { invocation, console in
        let workers = try invocation.number("workers", in: 0...200).map { Int($0) } ?? 1
        let farm = try await Farm.open(invocation)
        let identity = try identity(invocation)
        let address = try address(invocation, port: farm.configuration.server.port)
        guard identity != nil || invocation.has("without-tls") || isLocal(address) else {
            throw FarmError.needsTLS(address: address.description)
        }
        if let admin = try await farm.makeFirstAdmin() {
            console.note("the first admin is '\(admin)', with the password of server.web_password")
        }
        for reason in farm.degradations { console.note("durability: degraded; \(reason)") }
        let log = ServeLog(isJSON: invocation.has("json"))
        let listener = try StreamListener(address)
        let trouble: @Sendable (TraceContext, any Error) -> Void = { log.tell($1, in: $0) }
        let api = farm.api(trouble: trouble)
        var settings = HTTPServer.Settings()
        settings.trustedPeers = Set(farm.configuration.farm.trustedProxies.map { Array($0.utf8) })
        settings.bodyFolder = try farm.bodyFolder()
        // What is left is for files, children and the store.
        settings.connections = max(16, min(settings.connections, CurrentProcess.raiseDescriptorLimit() - 200))
        let server = try HTTPServer.start(
            listener, settings: settings, identity: identity, handler: api, trouble: trouble,
            log: { record in
                api.requests.count(record)
                log.tell(record)
            })
        let follower = Task { await api.follow() }
        defer {
            follower.cancel()
            log.flush()
        }
        console.note("listening on \(identity == nil ? "http" : "https")://\(listener.address)")
        try await run(workers, farm, server, invocation, console)
        return .success
    }

    /// Works and serves until a signal says stop.
    private static func run(
        _ workers: Int, _ farm: Farm, _ server: HTTPServer, _ invocation: Invocation, _ console: Console
    ) async throws {
        let stop = Worker.Stop()
        let signals = Signals([.terminate, .interrupt, .hangUp])
        let listener = Task {
            for await signal in signals.arrivals {
                if signal == .hangUp {
                    reload(server, invocation, console)
                } else {
                    if stop.gently.isRequested { stop.atOnce.request() }
                    stop.gently.request()
                }
            }
        }
        defer { listener.cancel() }
        let log = WorkerLog(console: console, isJSON: invocation.has("json"))
        let settling = settleOutbox(of: farm, log)
        defer { settling?.cancel() }
        let drainLimit = Duration.seconds(farm.configuration.farm.drainSeconds)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await stop.gently.wait(atMost: nil)
                await server.stop(within: drainLimit)
            }
            group.addTask {
                switch workers {
                case 0: await stop.gently.wait(atMost: nil)
                case 1:
                    let worker = try await farm.worker(name: Farm.workerName(), lanes: nil) { log.tell($0) }
                    try await worker.run(draining: false, stop: stop)
                default: await supervise(workers, farm: farm, invocation, log: log, stop: stop)
                }
            }
            // A worker that ends by an error ends the server with it: somebody must see that.
            do { for try await _ in group { stop.gently.request() } } catch {
                stop.gently.request()
                await server.stop(within: drainLimit)
                throw error
            }
        }
    }

    private static func reload(_ server: HTTPServer, _ invocation: Invocation, _ console: Console) {
        do {
            guard let identity = try identity(invocation) else { return }
            try server.reload(identity)
            console.note("the certificate was read again")
        } catch {
            console.warn("the certificate stays as it was: \(error)")
        }
    }

    private static func identity(_ invocation: Invocation) throws -> HTTPServer.Identity? {
        switch (invocation.value("certificate"), invocation.value("certificate-key")) {
        case (nil, nil): return nil
        case (let certificate?, let key?):
            let keyFile = try File.open(key)
            guard try keyFile.status().mode & 0o027 == 0 else { throw FarmError.exposedKey(path: key) }
            return HTTPServer.Identity(
                certificates: try File.open(certificate).readAll(limit: 1 << 20),
                key: try keyFile.readAll(limit: 1 << 20))
        case (_?, nil): throw UsageError.missingValue(option: "certificate-key", expected: "FILE")
        case (nil, _?): throw UsageError.missingValue(option: "certificate", expected: "FILE")
        }
    }

    private static func address(_ invocation: Invocation, port: Int) throws -> StreamSocket.Address {
        guard let text = invocation.value("listen") else {
            return .tcp(host: "127.0.0.1", port: UInt16(clamping: port))
        }
        let bytes = Array(text.utf8)
        if bytes.starts(with: "unix:".utf8) { return .unix(path: String(decoding: bytes.dropFirst(5), as: UTF8.self)) }
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
            let port = UInt16(String(decoding: bytes[(colon + 1)...], as: UTF8.self)), colon > 0
        else { throw badListen(text) }
        var host = bytes[..<colon]
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(UInt8(ascii: ":")) {
            throw badListen(text)
        }
        return .tcp(host: String(decoding: Array(host), as: UTF8.self), port: port)
    }

    private static func badListen(_ text: String) -> UsageError {
        .badValue(option: "listen", value: text, expected: "ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH")
    }

    private static func isLocal(_ address: StreamSocket.Address) -> Bool {
        switch address {
        case .unix: true
        case .tcp(let host, _): host.utf8.starts(with: "127.".utf8) || ["::1", "localhost"].contains(host)
        }
    }
}

/// What the server says of requests: one line each, without a query and without a token. Lines are written within a tenth of a second,
/// many of them in one call.
final class ServeLog: Sendable {
    private let isJSON: Bool
    private let waiting = Mutex<[UInt8]>([])
    private let writer = BlockingExecutor("access-log")

    private static let most = 64 * 1024

    init(isJSON: Bool) { self.isJSON = isJSON }

    /// Writes what waits.
    func flush() {
        // Under the lock, so that lines stay in their order.
        waiting.withLock { waiting in
            guard !waiting.isEmpty else { return }
            (isJSON ? StandardStream.output : .error).write(waiting)
            waiting.removeAll(keepingCapacity: true)
        }
    }

    /// Adds a line; `write` adds its bytes.
    private func add(_ write: (inout [UInt8]) -> Void) {
        let (isFirst, isMuch) = waiting.withLock { waiting in
            let isFirst = waiting.isEmpty
            write(&waiting)
            waiting.append(0x0A)
            return (isFirst, waiting.count > Self.most)
        }
        if isFirst { writer.run(after: .milliseconds(100)) { self.flush() } }
        if isMuch { flush() }
    }

    func tell(_ record: AccessRecord) {
        // Microseconds, written as milliseconds.
        let (seconds, attoseconds) = record.duration.components
        let microseconds = seconds &* 1_000_000 &+ attoseconds / 1_000_000_000_000
        if isJSON {
            let document: JSONValue = [
                "event": "request", "time": .string(record.time.description), "peer": JSONValue(record.peer),
                "method": JSONValue(record.method?.rawValue), "path": JSONValue(record.path),
                "status": .integer(Int64(record.status)), "bytes": JSONValue(record.byteCount),
                "milliseconds": .number(Double(microseconds) / 1000), "whole": .bool(record.isWhole),
                "trace": .string(record.trace.traceID),
            ]
            add { $0 += document.bytes() }
        } else {
            add { line in
                record.time.write(to: &line)
                func word(_ text: String?) {
                    line.append(0x20)
                    line += (text ?? "-").utf8
                }
                word(record.peer)
                word(record.method?.rawValue)
                word(record.path)
                word(String(record.status))
                word(record.byteCount.map { String($0) })
                word(String(microseconds / 1000))
                let rest = microseconds % 1000
                line += [0x2E, 0x30 + UInt8(rest / 100), 0x30 + UInt8(rest / 10 % 10), 0x30 + UInt8(rest % 10)]
                word("ms")
                if !record.isWhole { word("cut") }
                line.append(0x20)
                line += record.trace.traceIDBytes
            }
        }
    }

    /// An error of which the client was told nothing but the trace.
    func tell(_ error: any Error, in trace: TraceContext) {
        let text = Printable.text("\(error)", limit: 2000)
        if isJSON {
            let document: JSONValue = [
                "event": "trouble", "trace": .string(trace.traceID), "detail": .string(text),
            ]
            add { $0 += document.bytes() }
        } else {
            add { $0 += "\(Timestamp.systemClock()) trouble: \(text) \(trace.traceID)".utf8 }
        }
    }
}
