public import HTTP
import Synchronization

/// Counts this server's answers by method, place and status, and how long they took.
public final class RequestMetrics: Sendable {
    private struct Key: Hashable {
        let method: HTTPMethod?
        let route: String?
        let status: Int
    }

    private struct State {
        var counts: [Key: Int] = [:]
        var durations: [String: Histogram] = [:]
    }

    private let state = Mutex(State())

    /// Nothing was answered yet.
    init() {}

    /// Counts an answer. What was asked for is its row in the table, of which there are few, never the path itself.
    public func count(_ record: AccessRecord) {
        let key = Key(method: record.method, route: record.route, status: record.status)
        let (seconds, attoseconds) = record.duration.components
        let duration = Double(seconds) + Double(attoseconds) / 1e18
        state.withLock { state in
            state.counts[key, default: 0] += 1
            // A stream lasts as long as its reader likes.
            if let route = record.route, record.byteCount != nil {
                state.durations[route, default: Histogram()].add(duration)
            }
        }
    }

    func write(to text: inout MetricsText) {
        let state = state.withLock { $0 }
        let counts = state.counts.map { key, count in
            let labels = [
                ("method", key.method?.rawValue ?? "none"), ("route", key.route ?? "none"),
                ("status", String(key.status)),
            ]
            return (labels: labels as MetricsText.Labels, value: Double(count))
        }
        text.family(
            .counter, "farm_http_requests", "Answers of this server.",
            counts.sorted { Self.order($0.labels, $1.labels) })
        let durations = state.durations.map { route, histogram in
            (labels: [("route", route)] as MetricsText.Labels, value: histogram)
        }
        text.histograms(
            "farm_http_request_seconds", "From the head of a request to the last byte of its answer.",
            durations.sorted { Self.order($0.labels, $1.labels) })
    }

    private static func order(_ left: MetricsText.Labels, _ right: MetricsText.Labels) -> Bool {
        left.lazy.map(\.value).lexicographicallyPrecedes(right.lazy.map(\.value))
    }
}
