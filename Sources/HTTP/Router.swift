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
        fileprivate let segments: [Segment]

        /// A row.
        public init(_ method: HTTPMethod, _ pattern: String, _ action: Action) {
            self.method = method
            self.pattern = pattern
            self.action = action
            segments = pattern.utf8.split(separator: UInt8(ascii: "/")).map { part in
                part.first == UInt8(ascii: "{")
                    ? .parameter(String(decoding: part.dropFirst().dropLast(), as: UTF8.self)) : .fixed(Array(part))
            }
        }
    }

    fileprivate enum Segment: Sendable {
        case fixed([UInt8])
        case parameter(String)
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
    /// Rows by the number of their segments.
    private let byLength: [Int: [Route]]

    /// A table. Where several rows fit a path, the first counts.
    public init(_ routes: [Route]) {
        self.routes = routes
        byLength = Dictionary(grouping: routes) { $0.segments.count }
    }

    /// Finds the row of a request.
    public func match(_ method: HTTPMethod, _ target: RequestTarget) -> Match {
        var others: [HTTPMethod] = []
        for route in byLength[target.path.count] ?? [] {
            guard let parameters = route.parameters(of: target.path) else { continue }
            if route.method == method || route.method == .get && method == .head {
                return .route(route, parameters: parameters)
            }
            others.append(route.method)
            if route.method == .get { others.append(.head) }
        }
        return others.isEmpty ? .none : .otherMethods(others)
    }
}

extension Router.Route {
    fileprivate func parameters(of path: [String]) -> [String: String]? {
        var parameters: [String: String] = [:]
        for (segment, part) in zip(segments, path) {
            switch segment {
            case .fixed(let bytes): guard part.utf8.elementsEqual(bytes) else { return nil }
            case .parameter(let name): parameters[name] = part
            }
        }
        return parameters
    }
}
