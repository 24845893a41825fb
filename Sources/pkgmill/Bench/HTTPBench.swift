import JSON
import System
import Terminal

/// How fast a server answers, as its clients see it.
struct HTTPBench {
    /// A measurement that may be asked for alone.
    enum Part: String, CaseIterable {
        case read, submit, pollers, watchers, build
    }

    let target: HTTPLoad.Target
    /// Those who poll, each of them every five seconds.
    var pollers = 10_000
    /// Those who follow events.
    var watchers = 1000
    /// Events a second for them.
    var eventRate = 1000
    /// How long each measurement takes.
    var duration = Duration.seconds(10)

    func measure(_ part: Part) throws -> [BenchFigure] {
        switch part {
        case .read: try read()
        case .submit: [try submit()]
        case .pollers: try poll()
        case .watchers: try watch()
        case .build: try build()
        }
    }

    // MARK: Measurements

    /// One job again and again over 64 connections: whole, and by those who have it already.
    private func read() throws -> [BenchFigure] {
        let load = HTTPLoad(target)
        let lines = try load.open(64)
        let path = "/v1/jobs/\(try submitLater(load, lines[0]))"
        let shown = try load.ask(lines[0], target.request("GET", path))
        guard let tag = shown.field("ETag:") else { throw HTTPLoad.Trouble(description: "a job has no ETag") }
        let (whole, known) = (
            target.request("GET", path), target.request("GET", path, fields: ["If-None-Match: \(tag)"])
        )
        return [
            BenchFigure(.httpRead, try load.race(lines, for: duration, status: 200) { whole }, count: 1),
            BenchFigure(
                .httpNotModified, try load.race(try load.open(64), for: duration, status: 304) { known }, count: 1),
        ]
    }

    private func submit() throws -> BenchFigure {
        let load = HTTPLoad(target)
        var number = 0
        let rate = try load.race(try load.open(64), for: duration, status: 202) {
            number += 1
            return later("submit-\(number)")
        }
        return BenchFigure(.httpSubmit, rate, count: number)
    }

    /// Many connections, each of which asks for a job of its own every five seconds. What is late counts from when it was due.
    private func poll() throws -> [BenchFigure] {
        let load = HTTPLoad(target)
        let lines = try load.open(pollers)
        let jobs = try (0..<min(pollers, 1000)).map { _ in try submitLater(load, lines[0]) }
        let requests = jobs.map { target.request("GET", "/v1/jobs/\($0)") }
        let step = 5_000_000_000 / UInt64(pollers)
        let start = MonotonicClock.nanoseconds() + 100_000_000
        let end = start + max(nanoseconds(duration), 10_000_000_000)
        var delays: [Double] = []
        var waiting: [ObjectIdentifier: HTTPLoad.Line] = [:]
        var number: UInt64 = 0
        while true {
            let time = MonotonicClock.nanoseconds()
            if time >= end, waiting.isEmpty { break }
            while time < end, start + number * step <= time {
                let line = lines[Int(number) % lines.count]
                guard waiting[ObjectIdentifier(line)] == nil else {
                    throw HTTPLoad.Trouble(description: "an answer takes longer than five seconds")
                }
                line.asked = start + number * step
                try line.send(requests[Int(number) % requests.count])
                waiting[ObjectIdentifier(line)] = line
                number += 1
            }
            let next = start + number * step
            let pause = time < end && next > time ? Duration.nanoseconds(Int64(next - time)) : .milliseconds(1)
            if waiting.isEmpty {
                BlockingExecutor.pause(pause)
                continue
            }
            for line in try load.read(Array(waiting.values), atMost: pause) {
                guard let answer = try line.answer() else { continue }
                guard answer.status == 200 else { throw HTTPLoad.Trouble(description: "status \(answer.status)") }
                delays.append(Double(MonotonicClock.nanoseconds() - line.asked) / 1e6)
                waiting[ObjectIdentifier(line)] = nil
            }
        }
        delays.sort()
        return [
            BenchFigure(.httpPollMedian, percentile(delays, 0.5), count: delays.count),
            BenchFigure(.httpPollTail, percentile(delays, 0.99), count: delays.count),
        ]
    }

    /// Many who follow events, of which there are so many a second: from the event's own time to its arrival at one of those
    /// whose events are read; the others' are counted only.
    private func watch() throws -> [BenchFigure] {
        let load = HTTPLoad(target)
        let lines = try load.open(watchers)
        for line in lines { try line.send(target.request("GET", "/v1/events")) }
        let sender = try load.open(16)
        let start = MonotonicClock.nanoseconds() + 500_000_000
        let end = start + nanoseconds(duration)
        var delays: [Double] = []
        var (sent, bytes, answers) = (0, 0, 0)
        var free = sender
        while MonotonicClock.nanoseconds() < end + 500_000_000 {
            let time = MonotonicClock.nanoseconds()
            while time < end, time >= start, let line = free.last,
                sent < Int((time - start) * UInt64(eventRate) / 1_000_000_000)
            {
                try line.send(later("watch-\(sent)"))
                free.removeLast()
                sent += 1
            }
            let busy = sender.filter { line in !free.contains { $0 === line } }
            for line in try load.read(lines + busy, atMost: .milliseconds(2)) {
                if busy.contains(where: { $0 === line }) {
                    if try line.answer() != nil {
                        answers += 1
                        free.append(line)
                    }
                    continue
                }
                bytes += line.received.count
                if line === lines[0] || line === lines[lines.count / 2] {
                    delays += arrivals(&line.received)
                } else {
                    line.received.removeAll(keepingCapacity: true)
                }
            }
        }
        guard answers > 0, !delays.isEmpty else { throw HTTPLoad.Trouble(description: "no event has come") }
        delays.sort()
        return [
            BenchFigure(.httpWatchMedian, percentile(delays, 0.5), count: delays.count),
            BenchFigure(.httpWatchTail, percentile(delays, 0.99), count: delays.count),
            BenchFigure(.httpEvents, Double(answers) / (Double(nanoseconds(duration)) / 1e9), count: bytes),
        ]
    }

    /// How old the events are that have just come, in milliseconds; whole ones are taken out of `received`.
    private func arrivals(_ received: inout [UInt8]) -> [Double] {
        let now = Timestamp.systemClock().milliseconds
        let mark = Array("\"time\":\"".utf8)
        var delays: [Double] = []
        guard let end = received.lastIndex(of: 0x0A) else { return [] }
        for line in received[...end].split(separator: 0x0A) where line.starts(with: "data: {".utf8) {
            guard let found = line.firstRange(of: mark) else { continue }
            let text = line[found.upperBound...].prefix { $0 != 0x22 }
            guard let time = Timestamp(String(decoding: text, as: UTF8.self)) else { continue }
            delays.append(Double(max(0, now - time.milliseconds)))
        }
        received.removeFirst(end + 1)
        return delays
    }

    /// From an order to its artifact on an idle farm, one after another.
    private func build() throws -> [BenchFigure] {
        let load = HTTPLoad(target)
        let line = try load.open(1)[0]
        var delays: [Double] = []
        for number in 0..<200 {
            let start = MonotonicClock.nanoseconds()
            let answer = try load.ask(
                line,
                target.request(
                    "POST", "/v1/jobs", fields: ["Prefer: wait=25"],
                    body: #"{"sealing":"plain","nodeName":"build-\#(number)"}"#))
            guard answer.status == 202, answer.body.firstRange(of: Array("\"succeeded\"".utf8)) != nil else {
                throw HTTPLoad.Trouble(description: String(decoding: answer.body, as: UTF8.self))
            }
            // The first ones find nothing prepared.
            if number >= 10 { delays.append(Double(MonotonicClock.nanoseconds() - start) / 1e6) }
        }
        delays.sort()
        return [
            BenchFigure(.httpBuildMedian, percentile(delays, 0.5), count: delays.count),
            BenchFigure(.httpBuildTail, percentile(delays, 0.99), count: delays.count),
        ]
    }

    // MARK: Steps

    /// An order that no worker takes for an hour.
    private func later(_ name: String) -> [UInt8] {
        target.request(
            "POST", "/v1/jobs", body: #"{"sealing":"plain","nodeName":"\#(name)","delaySeconds":3600}"#)
    }

    private func submitLater(_ load: HTTPLoad, _ line: HTTPLoad.Line) throws -> String {
        let answer = try load.ask(line, later("bench"))
        guard answer.status == 202, let document = try? JSONValue(parsing: Array(answer.body)),
            let id = document["id"]?.string
        else { throw HTTPLoad.Trouble(description: String(decoding: answer.body, as: UTF8.self)) }
        return id
    }

    private func percentile(_ sorted: [Double], _ share: Double) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
}
