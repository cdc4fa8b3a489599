# Second language.
title = Hub status
district = District
reached-at = Address for laptops
reached-nowhere = not known yet: run with --advertise
cases-label = Cases
cases = {$count ->
    [one] {$count} case
   *[other] {$count} cases
}
conflicts-label = To be decided
conflicts = {$count ->
    [one] {$count} conflict
   *[other] {$count} conflicts
}
held-label = Quarantine
held = {$count ->
    [one] {$count} change
   *[other] {$count} changes
}
debris = {$count ->
    [one] {$count} broken transmission
   *[other] {$count} broken transmissions
}
waiting-label = Waiting
waiting = {$count ->
    [one] {$count} change
   *[other] {$count} changes
}
backup-label = Last backup
backup-none = none yet
doubled = Slip numbers borne twice
laptops = Laptops
laptop = Laptop
state = State
active = active
suspended = suspended
revoked = revoked
lost = lost
connected = connected
last-contact = Last contact
never = never
entries-held = Entries held
backed-up = In a backup
to-send = Not sent to the laptop yet
no-laptops = No laptop yet. Make a ticket with: hub-server invite --unit V01
fresh = Reload the page for the newest state.
