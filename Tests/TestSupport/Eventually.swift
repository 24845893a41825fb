/// Asks again and again until `condition` holds; false when it did not within `limit`, which is long enough for a busy
/// machine and says nothing about how fast things should be.
public func eventually(
    within limit: Duration = .seconds(90), _ condition: () async throws -> Bool
) async throws -> Bool {
    let end = ContinuousClock.now + limit
    var pause = Duration.milliseconds(5)
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try await Task.sleep(for: pause)
        pause = min(pause * 1.5, .milliseconds(100))
    }
    return try await condition()
}
