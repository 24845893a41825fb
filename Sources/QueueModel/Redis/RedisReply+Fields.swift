import RedisLink

extension RedisReply {
    /// The value of a field in the reply to `HGETALL`, and in the like; nil where it is not there.
    func field(_ name: String) -> RedisReply? {
        let flat = array ?? []
        for index in stride(from: 0, to: flat.count - 1, by: 2) where flat[index].text == name {
            return flat[index + 1]
        }
        return nil
    }
}
