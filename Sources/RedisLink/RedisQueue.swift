/// First in, first out, without moving what stays.
struct RedisQueue<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { head == elements.count }

    /// The next to come out; nil when there is none.
    var first: Element? { isEmpty ? nil : elements[head] }

    mutating func append(_ element: Element) { elements.append(element) }

    /// Takes the first out; nil when there is none.
    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let first = elements[head]
        elements[head] = nil
        head += 1
        // What was taken out is cleared away once it is most of the array, so that each element pays for one move.
        if head == elements.count {
            elements.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 64, head > elements.count / 2 {
            elements.removeFirst(head)
            head = 0
        }
        return first
    }

    /// Changes the first of those for which `condition` holds, if there is one.
    mutating func changeFirst(where condition: (Element) -> Bool, _ change: (inout Element) -> Void) {
        for index in elements.indices[head...] {
            guard var element = elements[index], condition(element) else { continue }
            change(&element)
            elements[index] = element
            return
        }
    }

    /// Takes all out, in order.
    mutating func takeAll() -> [Element] {
        defer { self = RedisQueue() }
        return elements[head...].compactMap(\.self)
    }

    /// All, in order.
    func forEach(_ body: (Element) -> Void) { for case let element? in elements[head...] { body(element) } }
}
