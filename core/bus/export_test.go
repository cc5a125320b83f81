package bus

// Rooms returns how many rooms are held in memory.
func (b *Bus) Rooms() int { return len(b.loadedRooms()) }
