import Crypto
import JSON
import System

extension InstallerRequest {
    /// The most bytes that a request may have.
    public static let byteLimit = 65_536

    /// The request as JSON on one line, the same bytes for the same request.
    public var canonicalBytes: [UInt8] { bytes(includingLocalFacts: true) }

    /// Reads what `canonicalBytes` wrote, and nothing else: another order, another spelling, an unknown or a missing
    /// member, a value out of bounds are all refused, so that one request has one digest.
    ///
    /// - Throws: `unknownVersion` or `unknownSealing` for a request of a newer program, which a queue keeps for one.
    public init(canonicalBytes bytes: [UInt8]) throws(InstallerError) {
        guard bytes.count <= Self.byteLimit else {
            throw .unreadableRequest(detail: "it has \(bytes.count) bytes, at most \(Self.byteLimit) are read")
        }
        let document: JSONValue
        do {
            document = try JSONValue(parsing: bytes)
        } catch { throw .unreadableRequest(detail: error.description) }
        self = try Self.read(document)
        guard canonicalBytes == bytes else {
            throw .unreadableRequest(detail: "it is not written in the one spelling that a request has")
        }
    }

    /// - Parameter includingLocalFacts: whether to write what does not decide the bytes: labels and the payload's path.
    func bytes(includingLocalFacts: Bool) -> [UInt8] {
        let own: JSONValue = [
            "version": .integer(Self.version), "nodeName": JSONValue(nodeName?.text),
            "packageName": .string(packageName.text), "sealing": ["method": .string(sealing.rawValue)],
        ]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(common.byteCount + 1024)
        bytes += "{".utf8
        bytes += own.memberBytes()
        bytes += #","payload":{"#.utf8
        if includingLocalFacts {
            bytes += common.payloadPath
            bytes += ",".utf8
        }
        bytes += common.payload
        bytes += "},".utf8
        bytes += common.rest
        if includingLocalFacts {
            let labels: JSONValue = ["labels": .object(labels.sorted.map { .init($0.key, .string($0.value)) })]
            bytes += ",".utf8
            bytes += labels.memberBytes()
        }
        bytes += "}".utf8
        return bytes
    }

    /// Members, written out, that do not depend on the node.
    struct CommonBytes: Sendable {
        /// Those of the payload: where it lies, and what it is.
        let payloadPath: [UInt8]
        let payload: [UInt8]
        /// Those that follow the payload.
        let rest: [UInt8]
        var byteCount: Int { payloadPath.count + payload.count + rest.count }

        init(
            payload: PayloadReference, target: Target, identifierPrefix: String, daemon: DaemonCommand, generation: Int,
            revision: Int, templateVersion: Int, builder: String, contentDate: Timestamp, settings: NodeSettings
        ) {
            let path: JSONValue = ["path": .string(payload.path)]
            payloadPath = path.memberBytes()
            let content: JSONValue = ["digest": .string(payload.digest.hex), "version": .string(payload.version)]
            self.payload = content.memberBytes()
            let others: JSONValue = [
                "target": [
                    "minimumMacOS": .string(target.minimumMacOS),
                    "architectures": .array(target.architectures.map { .string($0.rawValue) }),
                ],
                "identifierPrefix": .string(identifierPrefix),
                "daemon": .array(daemon.words.map { .string($0) }),
                "generation": .integer(Int64(generation)),
                "revision": .integer(Int64(revision)),
                "templateVersion": .integer(Int64(templateVersion)),
                "builder": .string(builder),
                "contentDate": .string(contentDate.dateText),
                "settings": settings.json,
            ]
            rest = others.memberBytes()
        }
    }

    private static func read(_ document: JSONValue) throws(InstallerError) -> InstallerRequest {
        var reader = try MemberReader(document, name: "")
        let version = try reader.take("version")
        guard let version = version.integer else {
            throw .badField(name: "version", value: "no whole number", expected: "\(Self.version)")
        }
        guard version == Self.version else { throw .unknownVersion(version) }
        let request = try InstallerRequest(
            nodeName: readNodeName(&reader), packageName: PackageName(reader.text("packageName")),
            sealing: readSealing(&reader), payload: readPayload(&reader), target: readTarget(&reader),
            identifierPrefix: reader.text("identifierPrefix"), daemon: DaemonCommand(reader.texts("daemon")),
            generation: reader.integer("generation", in: 1...999_999_999),
            revision: reader.integer("revision", in: 0...999_999_999),
            templateVersion: reader.integer("templateVersion", in: 1...999_999_999), builder: reader.text("builder"),
            contentDate: readDate(&reader),
            settings: NodeSettings(reading: reader.take("settings"), named: "settings"),
            labels: Labels(reader.dictionary("labels")))
        try reader.finish()
        return request
    }

    private static func readNodeName(_ reader: inout MemberReader) throws(InstallerError) -> NodeName? {
        guard let name = try reader.optionalText("nodeName") else { return nil }
        return try NodeName(name)
    }

    private static func readSealing(_ request: inout MemberReader) throws(InstallerError) -> Sealing {
        var reader = try request.object("sealing")
        let method = try reader.text("method")
        guard let sealing = Sealing.allCases.first(where: { $0.rawValue.utf8.elementsEqual(method.utf8) }) else {
            throw .unknownSealing(InstallerError.quoted(method))
        }
        try reader.finish()
        return sealing
    }

    private static func readPayload(_ request: inout MemberReader) throws(InstallerError) -> PayloadReference {
        var reader = try request.object("payload")
        let path = try reader.text("path")
        let digestText = try reader.text("digest")
        guard let digest = SHA256Digest(hex: digestText) else {
            throw .badText("payload.digest", digestText, expected: "64 lower-case hexadecimal digits")
        }
        let payload = try PayloadReference(path: path, digest: digest, version: reader.text("version"))
        try reader.finish()
        return payload
    }

    private static func readTarget(_ request: inout MemberReader) throws(InstallerError) -> Target {
        var reader = try request.object("target")
        let target = try Target(
            minimumMacOS: reader.text("minimumMacOS"), architectures: reader.texts("architectures"))
        try reader.finish()
        return target
    }

    private static func readDate(_ reader: inout MemberReader) throws(InstallerError) -> Timestamp {
        let text = try reader.text("contentDate")
        guard let date = Timestamp(date: text) else {
            throw .badText("contentDate", text, expected: "a date as YYYY-MM-DD")
        }
        return date
    }
}
