/// Where requests go, as one table: method, path with parameters, and what is to be done.
public struct Router<Action: Sendable>: Sendable {
    /// One row of the table.
    public struct Route: Sendable {
        /// Its method; one of GET answers HEAD as well.
        public let method: HTTPMethod
        /// `/v1/jobs/{id}`: segments as they are, or names in braces for one segment each.
        public let pattern: String
        /// What is to be done.
        public let action: Action

        /// A row.
        public init(_ method: HTTPMethod, _ pattern: String, _ action: Action) {
            self.method = method
            self.pattern = pattern
            self.action = action
        }
    }

    /// What the table says of a request.
    public enum Match: Sendable {
        /// The row, and its parameters' values.
        case route(Route, parameters: [String: String])
        /// There is such a path, for other methods.
        case otherMethods([HTTPMethod])
        /// There is none.
        case none
    }

    /// All rows.
    public let routes: [Route]
    private let patterns: PatternTable

    /// A table. Where several rows fit a path, the first counts.
    public init(_ routes: [Route]) {
        self.routes = routes
        patterns = PatternTable(routes.map { ($0.method, $0.pattern) })
    }

    /// Finds the row of a request.
    public func match(_ method: HTTPMethod, _ target: RequestTarget) -> Match {
        switch patterns.match(method, target.path) {
        case .row(let index, let parameters): .route(routes[index], parameters: parameters)
        case .otherMethods(let methods): .otherMethods(methods)
        case .none: .none
        }
    }
}

/// The patterns of a table, apart from what its rows do: code that is the same for all tables is faster than what is made for
/// each at the time of a call.
private struct PatternTable: Sendable {
    private enum Segment: Sendable {
        case fixed([UInt8])
        case parameter(String)
    }

    private struct Row: Sendable {
        let index: Int
        let method: HTTPMethod
        let segments: [Segment]
    }

    enum Match {
        case row(Int, [String: String])
        case otherMethods([HTTPMethod])
        case none
    }

    /// Rows by the number of their segments.
    private let byLength: [Int: [Row]]

    init(_ patterns: [(method: HTTPMethod, pattern: String)]) {
        let rows = patterns.enumerated().map { index, row in
            Row(
                index: index, method: row.method,
                segments: row.pattern.utf8.split(separator: UInt8(ascii: "/")).map { part in
                    part.first == UInt8(ascii: "{")
                        ? .parameter(String(decoding: part.dropFirst().dropLast(), as: UTF8.self)) : .fixed(Array(part))
                })
        }
        byLength = Dictionary(grouping: rows) { $0.segments.count }
    }

    func match(_ method: HTTPMethod, _ path: [String]) -> Match {
        var others: [HTTPMethod] = []
        for row in byLength[path.count] ?? [] where Self.fits(row, path) {
            if row.method == method || row.method == .get && method == .head {
                return .row(row.index, Self.parameters(row, path))
            }
            others.append(row.method)
            if row.method == .get { others.append(.head) }
        }
        return others.isEmpty ? .none : .otherMethods(others)
    }

    private static func fits(_ row: Row, _ path: [String]) -> Bool {
        for index in path.indices {
            guard case .fixed(let bytes) = row.segments[index] else { continue }
            guard path[index].utf8.elementsEqual(bytes) else { return false }
        }
        return true
    }

    private static func parameters(_ row: Row, _ path: [String]) -> [String: String] {
        var parameters: [String: String] = [:]
        for index in path.indices {
            if case .parameter(let name) = row.segments[index] { parameters[name] = path[index] }
        }
        return parameters
    }
}
