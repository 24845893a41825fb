public import JSON
public import System

/// What a request is answered with.
public struct HTTPResponse: Sendable {
    /// What comes behind the head.
    public enum Body: Sendable {
        /// Nothing.
        case none
        /// These bytes.
        case bytes([UInt8])
        /// A part of an open file: sent by the system where it can, without passing through this process.
        case file(File, offset: Int64, byteCount: Int64)
        /// What somebody writes, as it comes, until they end it.
        case stream(ByteStream)
    }

    /// The status.
    public var status: HTTPStatus
    /// Names and values in their order. The server adds Date, Content-Length and Connection.
    public private(set) var fields: [(name: String, value: String)] = [] { didSet { prepared = nil } }
    /// The content.
    public var body: Body { didSet { prepared = nil } }
    /// How the access log names what was asked for; nil where it must not say. Nothing secret may be in it.
    public var loggedPath: String?
    /// Which row of a table it was asked of, for counting.
    public var route: String?
    /// The library's form of this answer, made once for many.
    private(set) var prepared: PreparedResponse?
    /// Called once when the last byte has been handed to the system, or the client has gone: true when all went out.
    public var onEnd: (@Sendable (_ isWhole: Bool) -> Void)?

    /// A response.
    public init(_ status: HTTPStatus, body: Body = .none) {
        self.status = status
        self.body = body
    }

    /// JSON.
    public init(_ status: HTTPStatus, json: JSONValue) {
        self.init(status, body: .bytes(json.bytes()))
        set("Content-Type", "application/json")
    }

    /// Text.
    public init(_ status: HTTPStatus, text: String, type: String = "text/plain; charset=utf-8") {
        self.init(status, body: .bytes(Array(text.utf8)))
        set("Content-Type", type)
    }

    /// Sets a field, in the place of one of that name.
    ///
    /// A byte of the value that no field may hold is left out: whatever a value is made of, it begins no other field.
    public mutating func set(_ name: String, _ value: String) {
        fields.removeAll { ASCII.equalFolded($0.name, name) }
        add(name, value)
    }

    /// Adds a field beside those of its name.
    public mutating func add(_ name: String, _ value: String) {
        fields.append((name, String(decoding: value.utf8.filter { $0 >= 0x20 && $0 != 0x7F }, as: UTF8.self)))
    }

    /// The value of a field; nil where it is not there.
    public func field(_ name: String) -> String? { fields.first { ASCII.equalFolded($0.name, name) }?.value }

    /// The same, made ready to be given to many.
    public func preparedForMany() -> HTTPResponse {
        var copy = self
        copy.prepared = PreparedResponse(self)
        return copy
    }

    /// The same with a field set.
    public func with(_ name: String, _ value: String) -> HTTPResponse {
        var copy = self
        copy.set(name, value)
        return copy
    }
}

extension ASCII {
    static func equalFolded(_ left: String, _ right: String) -> Bool {
        left.utf8.lazy.map(lowercased).elementsEqual(right.utf8.lazy.map(lowercased))
    }
}
