title = Keliling
skip = Skip to the content
today = Today
find = Find
needs-you = Needs you
find-label = Name, NIK, slip number or village
find-go = Find
found = { $count ->
    [0] No case found
    [one] { $count } case
   *[other] { $count } cases
}
custody = Custody
custody-on_laptop = On this laptop
custody-carried = Carried
custody-at_hub = At the hub
custody-accepted = Accepted by the agency
oldest = Oldest that is not at the hub
safe = Safe to wipe: everything is at the hub
not-safe = Not safe to wipe:
sync = Sync
sync-none = There was no exchange yet
sync-ok = The last exchange ended at
sync-failed = The last exchange failed at
recent = Newest cases
none = None
slip = Slip
name = Name
service = Service
status = Status
conflict = to be decided
conflicts = To be decided
warnings = Warnings
held = Held by the hub
life = Life
failed = It did not work
field-nik = NIK
field-sex = Sex
field-born = Born
field-birth_order = Twin, order of birth
field-village = Village
field-address = Address
field-phone = Phone
field-started = Started
field-officer = Officer
field-visit = Visit
field-notes = Notes
field-custody = Custody
find-hint = Type a part of a name, NIK, slip number or village, then press Enter.
needs-you-why = These differ or are there twice. Every version is kept until somebody decides.
not-done = NOT DONE: waiting for the network. Do not promise a result today.
not-there = This case is not on this laptop.
no-page = There is no such page.
by-hub = the hub
by-laptop = laptop { $count }
sex-L = Male
sex-P = Female
field-mother = Mother
field-father = Father
field-status = Status
field-name = Name
field-blank = Blank number
field-applicant = Applicant
field-subject = Subject
state-draft = draft
state-received = received
state-complete = complete
state-incomplete = incomplete
state-waiting_for_network = NOT DONE: waiting for the network
state-forwarded = forwarded
state-in_process = in process
state-returned = returned for repair
state-issued = issued
state-rejected = rejected
state-issued_by_default = issued by default
state-ready = ready for hand-over
state-loaded = loaded
state-with_collector = with the collector
state-handed_over = handed over
state-closed = closed
state-cancelled = cancelled
warning-age = The age does not fit this service.
warning-born_ahead = The birth date is later than today.
warning-consent = Consent.
warning-ended = End of the sitting.
warning-started_ahead = The sitting began later than this laptop's clock shows: look at its date again.
warning-started_long_ago = The sitting began more than 60 days ago: look at its year again.
warning-lease = Numbers lent to this laptop are used up or over
warning-mode = State and service.
warning-nik_birth_date = NIK and birth date.
warning-nik_sex = NIK and sex.
warning-nik_district_unknown = NIK and district.
warning-nik_century = NIK and century.
warning-nik_other_name = NIK and name.
warning-no_nik = No NIK.
warning-officer_unknown = Officer.
warning-phone = Telephone.
warning-repeated = Repeated.
warning-same_blank = This blank was used for another case already.
warning-same_open = Same service.
open-unsent = { $count ->
    [one] { $count } change is on this laptop only.
   *[other] { $count } changes are on this laptop only.
}
open-drafts = { $count ->
    [one] { $count } draft is not finished.
   *[other] { $count } drafts are not finished.
}
sync-no_answer = no network, or the hub does not answer; everything stays saved on this laptop
sync-wrong_hub = somebody else answers at the hub's address; tell the hub operator
sync-cut = the link broke off; what was sent is not sent again
sync-shut_out = the hub shut this laptop out; bring it to the hub operator
sync-not_stored = this laptop could not store what came; free some space on its disk
conflict-same_service = The same service more than once
conflict-same_blank = The same blank more than once
found-cut = The first { $count } of more cases: add words
field-service = Service
field-collector = Collector
field-consent = Consent
field-kk = Family card
field-domicile = Village of residence
field-position = Position
warning-differs = Other data of a person.
value-stored = stored
value-typed = typed
rule-authority = Not for the unit or agency that wrote it to change.
rule-depends_on_refused = It follows another change that is held.
rule-limit = It exceeds a limit.
rule-time = Its time cannot be right.
rule-equivocation = The laptop wrote two different changes in one place.
rule-schema_value = A value has not the right form.
rule-schema_key = A field that is not known.
rule-kind = It is neither a case nor a person nor a visit that the hub knows.
rule-schema_number = It was written by a version of the program that the hub does not know.
rule-foreign_actor = Its writer is not the laptop that sent it.
rule-parents = The change is damaged: what it follows is not in order.
rule-origin = The document was begun by somebody who may not begin it.
rule-sequence = The number of the change does not go on from the one before.
rule-first_operation = The first step of the change does not go on from the one before.
rule-last_operation = The steps of the change are numbered above the limit.
rule-schema_action = A field was changed in a way that it does not allow.
rule-object = It writes in a place that is not there.
rule-element = It names an entry of a list that is not there.
rule-insert = It inserts where nothing can be inserted.
rule-predecessor_order = The change is damaged: the values that it replaces are not in order.
rule-predecessor = It replaces a value that never stood there.
rule-delete = It deletes what is not there.
rule-increment = It adds to a field that is no count.
rule-hash = It is not what was announced: damaged on the way or on a disk.
rule-actors = Too many writers for one document.
rule-shut_out = The laptop is shut out: the hub operator judges what it still held.
rule-unreadable = With this change the document can no longer be read.
rule-other = The hub cannot take this change: ask the hub operator.
attachments = Attachments
attachment-scan = scan
attachment-photo = photo
attachment-signature = signature
attachment-other = file
attachment-to_follow = to follow
attachment-at_hub = at the hub
attachment-elsewhere = not on this laptop
attachment-damaged = damaged here, fetched again where somebody holds it
attachment-removed = taken away
to-follow-scan = { $count ->
    [one] { $count } scan to follow
   *[other] { $count } scans to follow
}
to-follow-photo = { $count ->
    [one] { $count } photo to follow
   *[other] { $count } photos to follow
}
to-follow-signature = { $count ->
    [one] { $count } signature to follow
   *[other] { $count } signatures to follow
}
to-follow-other = { $count ->
    [one] { $count } file to follow
   *[other] { $count } files to follow
}
open-attachments = { $count ->
    [one] { $count } attachment is on this laptop only.
   *[other] { $count } attachments are on this laptop only.
}
record = Record
who = Whom it is about
services = Services
sitting = Encounter
add-service = Service: its code or a part of its name, then Enter
add = Add
drop = Take this service away
save = Save
forget = Discard what is typed
sure-forget = What was typed on this form cannot be brought back.
sure-cancel-case = The case ends here, and the hub hears of it. The slip that replaces its own says DIBATALKAN.
sure-wrong-hands-raise = This is written down as a product in wrong hands, and the hub sees it too until it is settled.
sure-no = No, go back
kept = What is typed is kept on this laptop.
unkept = What was typed last is NOT kept yet: the program does not answer. Leave this page open and start the program again; it is then kept by itself.
unkept-full = The disk of this laptop is FULL: what was typed last is not saved yet. It stands on this page; leave the page open, free some space on the disk, then press save again. What was saved before is not lost.
unkept-other = What was typed last is NOT saved yet; it stands on this page: leave the page open, then press save again.
nothing-lost = Nothing is lost.
half-typed = { $count ->
    [one] { $count } other half-typed form
   *[other] { $count } other half-typed forms
}
nik-hint = Type or scan 16 digits, then Enter. Without a NIK go on to the name.
not-this-one = Not this person
like = Perhaps known already. Ask for the mother's name, hamlet and age, then choose:
wrong-like = First choose who it is: the same person, or another person.
same-person = The same person
other-person = Another person
death = A death is reported, recorded on
years = { $count ->
    [one] { $count } year
   *[other] { $count } years
}
missing = { $count ->
    [one] { $count } requirement is missing: tick what was brought
   *[other] { $count } requirements are missing: tick what was brought
}
mode-full = Can be finished here without network.
mode-intake = Documents are taken here; the agency finishes; the product comes with a later visit.
mode-online_step = NOT FINISHED: waiting for the network. Do not promise a result today.
mode-unknown = This laptop does not know this service: sync with the hub and save again, or take the service away.
field-priority = Priority queue
priority-none = no
priority-elderly = elderly
priority-disability = person with a disability
priority-mother = pregnant or nursing mother
priority-child = child
priority-other = another reason
field-companion = Companion
attach = Attach
paper-kind = Sort
paper-kind-any = by the file itself
paper-name = Name of the attachment (may stay empty)
paper-file = File, of at most 20 MB
paper-asked = This file is not on this laptop yet. It is asked for, and comes with the next exchange with the hub.
paper-away = This file is not on this laptop. Nobody has asked for it yet.
paper-ask = Ask the hub for it
camera = Camera
camera-scan = Scan with the camera
camera-take = Take the photo
camera-none = The camera cannot be used: choose a file
camera-no-scan = The camera cannot be used: type the number, use a scanner, or take a photo of the QR for Verify a slip
scanner = The newest scans, attached by one press:
scanner-set = The scanner's folder is not set
scanner-unread = The scanner's folder cannot be read.
scan-unfit = It cannot be attached.
detach = Take away
wrong-file-empty = Choose a file that holds something.
wrong-file-large = This file is larger than 20 MB: scan it with fewer dots per inch, or take the photo smaller.
wrong-file-cut = The file did not arrive whole: attach it again.
scan-taken = The scanned NIK is not used: this form is of the person above. Choose Not this person, or Put off.
consent-text = text of consent
consent-yes = agrees
consent-no = not given
confirmed = Read out, and confirmed by
confirmed-signature = a signature on paper
confirmed-thumb = a thumb print on paper
confirmed-witnesses = two witnesses
witness-1 = First witness
witness-2 = Second witness
aloud = Read aloud
aloud-hint = Read all of it to the citizen. Nothing is saved yet; Esc goes back to typing.
back-to-typing = Back to typing
save-incomplete = Save as incomplete
later = Put off
same-open = The same service for this person is still open:
same-blank = This blank was used already:
field-again = Why it is recorded again
other-party = Another applicant or collector
seek = Name or NIK of the applicant or collector
not-applicant = Not the applicant
not-collector = Not the collector
field-confirmed = Confirmed by
field-witnesses = Witnesses
wrong-again = There is such a case already: see the link, then write why it is recorded again, put it off, or discard what is typed.
wrong-witnesses = Name both witnesses.
wrong-nik = A NIK has 16 digits: the first two are those of a province, the seventh to the twelfth a birth date that exists, and the last four are not 0000. Look at the card again.
wrong-name = The name is missing.
wrong-sex = The sex is not chosen.
wrong-born = Write of the birth date what is known: 1948, 7/1948 or 5/1/2004.
wrong-village = Choose a village of the list.
wrong-officer = Fill in the officer's name.
wrong-add = Choose one service of the list: its code, or a part of its name that no other has.
wrong-service = A chosen service is not known to this laptop: sync with the hub and save again, or take it away below.
wrong-person_ref = That person is not on this laptop.
wrong-other = Not saved yet: correct what is typed, then save again.
saved = Saved
saved-here = SAVED on this laptop. Not at the hub yet.
number = Number
bring = Still to be brought:
recorded-not-registered = RECORDED, not yet REGISTERED
tariff = Tariff
open-case = Show the case
next-one = Next
same-family = Another family member
print = Print
print-by-keys = Print with Ctrl+P.
open-forms = { $count ->
    [one] { $count } form is not saved.
   *[other] { $count } forms are not saved.
}
officer-now = Officer at work
officer-set = Change officer
sync-now = Synchronise now
here = Officer and visits
visit-label = A new visit: what people call the place
visit-open = Open visit
visit-close = Close visit
keys = Keys of this page
keys-this = this list of keys
keys-tab = to the next field; do it
close = Close
correct = Correct
cancel-case = Cancel the case
reason = Reason
wrong-reason = Write the reason.
wrong-person = The wrong person?
whose-case = This case belongs to: name or NIK
nobody = Nobody of that name or NIK is on this laptop.
of-this-person = It is this person's
keep-value = Keep the chosen value
replaces = REPLACES slip { $count }
handover = Hand-over
handover-find = Scan or type a slip number, NIK or name
load = Load on the unit
hand = Hand over
back = Back to stock
not-now = Not collected
collector-subject = the citizen in person
collector-family = family
collector-proxy = proxy with a letter
collector-village_head = village head
collector-name = Name of the collector, where it is somebody else
entrust = Entrust
entrust-press = Not handed over yet: look at the ticks, then press the button.
entrust-to = Entrust what is chosen to
list-hint = Print this list for thumb marks; when it returns, close all of it at once.
list-returned = The list is back: all that is chosen was received
thumb = Thumb mark
no-product = No product waits to be collected.
wrong-product = Choose the products first.
wrong-with = Write the name of who takes it.
wrong-collector = Choose who collects it.
wrong-may-collect = Not handed over: this product may be collected only by
received = Receipt confirmed by
received-signature = a signature on paper
received-thumb = a thumb print on paper
received-pad = a signature on the screen
wrong-received = Choose how the receipt is confirmed.
wrong-pad = There is no signature on the screen yet: sign, or choose paper.
pad-sign = Where to sign
pad-hint = Sign with a pen, a finger or the mouse.
pad-clear = Sign again
entrust-who = Who that is
scan-more = Scan the next product to choose it
scan-add = Choose
wrong-scan = There is not exactly one product for:
chosen = { $count } chosen
shown = { $count } shown
shown-of = of { $count }.
show-more = Show more
shown-more = Scan or type to find others.
show-all = Show all, to print too
not-done-with = Not done; the others are not affected:
event-with = Taken by
event-how = Confirmed by
event-unit = Unit
manifest = Manifest
manifest-aboard = Aboard
manifest-missing = Not aboard yet, or not found
manifest-scan = Scan each product as it is loaded
manifest-empty = The hub has marked no product ready for this unit.
manifest-seen = There
manifest-find = Search the manifest: name, NIK, number
wrong-manifest = Not on the manifest of this unit:
loaded = { $count } loaded
load-again = Press again for the rest.
queue = Queue
ticket = Queue number
take = Take a number
call = Call the next
called = Called
serve = Serve
skip-ticket = Not here, skip
left = Went home unserved
waiting = Waiting
skipped = Skipped
served = Served
class-general = general
class-priority = priority
class-collect = collect a product
day-close = Close the day
day-refused = The day is not closed yet: decide what stands below first.
day-written = Written since the last seal
day-nothing = nothing is written yet.
day-nothing-after = nothing more is written since this seal.
day-changes = { $count ->
    [one] { $count } change
   *[other] { $count } changes
}
day-agency = Agency
day-cases = Cases
day-decide = To be decided first
day-decide-why = Open each one: finish and save it, or delete or cancel it. Then close the day.
day-form = Half-typed form
day-draft = Draft
day-decided = decided when the day was closed
day-nobody = nobody named yet
day-visits = Visits still open:
day-visits-where = Close a visit
day-leader = Team leader (may stay empty)
day-led = Team leader
day-seal-now = Close and seal the day
day-sealed = The day is closed: its seal
day-seal-last = The last seal
day-entries = entries
day-qr = QR of the seal
day-send = Send these characters to the hub by SMS, read them aloud, or show the QR. They also travel with the next sync. What is written later goes into the next seal.
saved-arrived = SAVED. At the hub, by its receipt.
wrong-meanwhile = This changed meanwhile; look again before you save:
wrong-not-aboard = Not loaded yet. If the document is here, load it first.
wrong-dead-collects = Not handed over to the person themselves: a death is reported,
wrong-product-state = This product does not wait to be collected:

# Settings
more = More
settings = Settings
setting-officers = Officers of this laptop, a name a line
setting-language = Language
setting-paper = Paper of slips
setting-scanner_folder = Scanner folder
setting-theme = Colours
language-id = Bahasa Indonesia
language-en = English
paper-a5 = A5
paper-80 = Thermal, 80 mm
paper-58 = Thermal, 58 mm
theme-normal = Normal
theme-contrast = High contrast
doctor = Check the database
positions-credit = Positions of the service points that came along: GeoNames (CC BY 4.0).
doctor-sound = The database is sound.
doctor-carried = The database is sound. Attachments that this laptop carries for others are damaged here: Carry says which. The laptops that attached them keep them until the hub's receipt.
doctor-unsound = The database is damaged. Leave the laptop on, run van-agent doctor, and call the hub operator.
officer-change = Change officer
officer-drafts = What is half typed stays in the name of the officer who began it.

# Wrong hands
field-alarm = Wrong hands
conflict-wrong_hands = Handed to the wrong person
wrong-hands = Wrong hands
wrong-hands-hint = Already handed over. If it went into wrong hands say so here: the hub sees it too until it is settled.
wrong-hands-how = What happened, and who has it
wrong-hands-raise = Raise the alarm
alarm-settle = It is settled
load-all = Load everything that is ready

# Waiting list
waiting-list = Waiting list
waiting-list-hint = Not served yet; first at the next visit. Print it for the village office.
tickets-drawn = Tickets drawn
tickets-served = Served
tickets-waiting = Waiting
tickets-skipped = Skipped
tickets-left = Left

# Today
attention = Needs attention
attention-unsent = {$count} changes are on this laptop only, since
attention-disk = The disk is nearly full. Nothing is lost; make room. Left:
attention-clock = This laptop's clock is {$count} minutes from the hub's. Work goes on; set the clock.
gate-half = Past 50 %: { $count }.
gate-urgent = Past 80 %: { $count }.
gate-over = Run out: { $count }.
limits = Legal time limits
left-hour = {$count ->
    [one] one hour left
   *[other] {$count} hours left
}
left-day = {$count ->
    [one] one day left
   *[other] {$count} days left
}
left-workday = {$count ->
    [one] one working day left
   *[other] {$count} working days left
}
left-over = time limit passed
offline-works = Work goes on without network; everything is kept on this laptop.
going-on = Going on
tickets-waiting_list = Waiting list
products-ready = Ready to load
products-loaded = Aboard, to hand over
products-with_collector = With collectors
coverage = The hub is mostly reached around
coverage-next = Next likely
coverage-place = Last reached at
coverage-times = { $count ->
    [one] once so far
   *[other] {$count} times so far
}

survey = Survey
survey-paper = Paper form
survey-no-visit = No visit of this unit is here yet: open one on the page Today.
survey-hint = Type the sheets' scores: a digit moves on, a space leaves one out, Enter goes to the next sheet.
survey-told = Nothing of the citizen is kept. Which laptop saved the sheets, and when, is kept as of everything: enter many at once, after the visit.
survey-sheet = Sheet
survey-more = More sheets
survey-saved = { $count ->
    [one] { $count } sheet is saved.
   *[other] { $count } sheets are saved.
}
survey-results = Index of satisfaction
survey-sheets = Sheets
survey-partial = of them partial
survey-index = Index
survey-grade = Grade
survey-unit = All visits of this unit, pooled
survey-no-index = no whole sheet yet
grade-A = very good
grade-B = good
grade-C = not so good
grade-D = bad
wrong-survey = Not saved: a score is 1, 2, 3 or 4.
wrong-survey-visit = Choose the visit.
wrong-survey-empty = Type at least one sheet.
blanks = Blanks
blanks-none = No numbered blank came aboard yet.
blank-kind = Kind
blank-received = received
blank-used = used
blank-spoilt = spoilt
blank-returned = returned
blank-left = left
blank-used_twice = ALARM: more than one case names it:
blank-used_and_spoilt = ALARM: it was spoilt, and a case names it:
blank-used_and_returned = ALARM: it went back, and a case names it:
blank-not_received = ALARM: it never came aboard, and a case names it:
blank-gone_before = ALARM: not all of these were aboard
blank-use = A case used a blank
blank-use-now = Used
blank-enter = Received, spoilt, returned
blank-act = What became of them
blank-from = First number
blank-to = Last number (empty: one alone)
wrong-blanks = Not saved: look at kind and numbers; a spoilt blank needs a reason.
leases = Leases
lease-until = Until
lease-over = over: ask the hub for another
lease-soon = ends soon: ask the hub for another
lease-low = runs out: ask the hub for more
listed = In the pre-list
listed-take = Take this person
kin = Of this family card
kin-new = Another member: take over address and parents
day-blanks = Blanks

# Slips on paper
registered = REGISTERED with the agency
copy = COPY
free = free of charge
stamp = QR of the slip
came-out = Did the paper come out?
came-out-yes = Yes, the citizen has it
came-out-no = Not yet
on-paper = It came out before: this one is a copy.
slip-family = One paper for { $count } numbers
slip-each = One paper for each number
unprinted = Not printed
unprinted-count = { $count ->
    [0] Every slip is on paper.
    [one] { $count } slip is not printed
   *[other] { $count } slips are not printed
}
print-these = Print these
replacement = REPLACEMENT
in-hand = The citizen has it
verify = Verify a slip
verify-go = Verify
scan = Scan or paste the QR of a slip
name-on-paper = Name on the paper (may be empty)
photo = Or a photo of its QR
photo-go = Verify the photo
verdict-valid = TRUE: a laptop of this fleet signed it.
verdict-invalid = FALSE: the laptop that it names did not sign it. Look the number up and report it.
verdict-unknown_signer = NOT KNOWN: the key of its laptop is not here yet. Sync, then verify again.
slip-replaced = REPLACED: this case was corrected; the newer slip counts.
slip-other-name = The paper names somebody else than the case.
slip-says = It says
slip-signer = Signed by laptop
slip-now = Where it stands now
slip-elsewhere = The case is not on this laptop, so whether it was replaced is not known.
slip-revision = slip { $count }
name-agrees = That is the name that was signed.
name-differs = Another name was signed.
standing-barred = That laptop may connect no more: compare with the case. Since
standing-suspended = That laptop is suspended. Since
standing-revoked = That laptop was revoked. Since
standing-lost = That laptop is lost: compare with the case. Since

# Emergency sheets
sheet = Emergency sheet
sheets = Emergency sheets
sheets-what = Slip numbers on paper, to be filled in by hand while the laptop cannot be used. Enter them afterwards; those that are not used are skipped.
sheets-count = How many sheets
sheets-print = Prepare and print
sheets-printed = Prepared
sheets-back = All sheets
sheets-open = { $count ->
    [0] No sheet waits.
    [one] { $count } sheet is not entered
   *[other] { $count } sheets are not entered
}
sheet-open = not entered
sheet-entered = entered
sheet-expired = expired: the data of this laptop began anew
sheet-enter = Enter
sheet-when = Date and time on the paper
sheet-services = Services
sheet-brought = Papers brought
sheet-sign = Signature or thumb
sheet-tear = tear off, for the citizen
sheet-not-recorded = TAKEN on paper, not RECORDED yet
wrong-started = Write the date and the time that stand on the paper.
paper-odd = If the paper does say so, save again: it is saved as it is.
wrong-sheet = This is no number of a sheet, such as 53.02/V01A/20261121/0042-E: read it again, its last character too.
battery = Battery { $count } %
battery-low = Print emergency sheets now.
field-channel = Way in
channel-paper = from paper
field-sheet = Number of the emergency sheet

# Carrying
carry = Carry
carry-what = Another laptop, or a stick, can take what this laptop wrote to the hub, and bring receipts back. Whoever carries can change nothing.
carry-open = A bundle holds citizens' data and is not encrypted: keep the stick as you keep the forms. Scans go in behind the records, as long as there is room.
carry-stick = By stick
carry-folder = Folder of the stick
carry-choose = Open the folder
carry-export = Write a bundle
carry-found = Bundles in this folder
carry-import = Take in
carry-peers = Other laptops of the fleet
carry-address = Address, such as 192.168.1.20:4434
carry-here = This laptop's address for other laptops:
carry-no-network = This laptop is on no network: connect both to one network, then load this page again.
carry-closed = This laptop does not wait for other laptops: run its program with --peers IP:PORT.
carry-meet = Exchange now
carry-seen = Last met
carry-barred = may not connect
carry-loads = What is carried
carry-for = Carried for
carry-by = carries for this laptop
carry-since = since
carry-home = Receipt on its way home to
carry-refused = the hub did not take it yet
carry-damaged = This laptop's disk has damaged it: take a bundle of the laptop that wrote it in again.
carry-not-taken = It is offered again a day later; ask the hub operator why.
carry-from = given by
carry-scan = Attachment
carry-scans = { $count ->
    [one] { $count } attachment of another laptop is carried here.
   *[other] { $count } attachments of other laptops are carried here.
}
carry-scan-not_named = No case at the hub names it: it was taken away, or its case has not arrived or is held. It is offered again at each exchange; the laptop that attached it keeps it until the hub's receipt.
carry-scan-size = Its case at the hub names another size. It is offered again at each exchange; the laptop that attached it keeps it until the hub's receipt.
carry-scan-damaged = This laptop's disk has damaged it: take a bundle of the laptop that attached it in again.
carry-exported = Written:
carry-scans-left = No room for { $count } attachments: they stay on this laptop.
carry-imported = Taken in from
carry-met = Exchanged with
carry-failed = That did not work.
carry-partly = Not everything was taken: some of it is not whole, of a laptop that is not known here, an old receipt, or attachments of an exchange that broke off. Sync this laptop with the hub, then take it in or exchange again.
carry-no-folder = That folder is not there: see whether the stick is in, then choose the folder again.
carry-no-stick = No stick is in: put one in and load this page again; or write the whole folder, such as /media/van/STICK.
carried-changes = { $count ->
    [one] { $count } change carried for others
   *[other] { $count } changes carried for others
}
changes = { $count ->
    [one] { $count } change
   *[other] { $count } changes
}
entries = { $count ->
    [one] { $count } entry
   *[other] { $count } entries
}
laptop = Laptop
open-under_way = { $count ->
    [one] { $count } change is carried by another laptop, not at the hub yet.
   *[other] { $count } changes are carried by another laptop, not at the hub yet.
}
open-for_others = { $count ->
    [one] { $count } change is carried here for others.
   *[other] { $count } changes are carried here for others.
}
custody-why = Only what is signed counts: by the hub's receipt, or by another laptop's note.
custody-scans = Scans only here
custody-records = Records not at the hub
custody-of-others = Attachments of other laptops
custody-stuck = { $count ->
    [one] { $count } cannot be handed over for now. A wipe does not lose it: the laptop that attached it keeps it until the hub's receipt.
   *[other] { $count } cannot be handed over for now. A wipe does not lose them: the laptops that attached them keep them until the hub's receipt.
}
custody-receipt = Newest receipt of the hub
custody-backed_up = in the hub's backup
custody-note = Note of
custody-lost = What a wipe would lose, oldest first
lost-unsent = only on this laptop
lost-carried = carried, not at the hub yet
lost-draft = draft of this laptop
lost-attachment = a scan is only here
sync-stopped = The exchange was stopped, with everything sent kept, at
sync-stop = Stop
sync-budget = At most
sync-unlimited = no limit
sync-waiting = Not at the hub yet
sync-bytes = Last exchange
sync-dialling = Calling the hub …
sync-sent = { $count ->
    [one] { $count } change sent.
   *[other] { $count } changes sent.
}
sync-received = { $count ->
    [one] { $count } change received.
   *[other] { $count } changes received.
}
sync-left = { $count ->
    [one] { $count } change left.
   *[other] { $count } changes left.
}
visits = Visits
expected = Expected
expected-people = { $count ->
    [0] nobody announced
    [one] one person of the pre-list
   *[other] { $count } people of the pre-list
}
expected-served = { $count } served already
expected-done = served already
expected-products = { $count ->
    [0] no product to hand over
    [one] one product to hand over
   *[other] { $count } products to hand over
}
expected-nowhere = This visit has no village yet. Open it again under the same name and choose its village.
expected-known = known on this laptop
attention-lease = Lease of numbers
attention-blanks = { $count ->
    [one] { $count } alarm of numbered blanks.
   *[other] { $count } alarms of numbered blanks.
}
wrong-label = Say what the place is called.
day-not-saved = Not saved yet.
day-look = Such a form is saved only after somebody has looked at it again: open it, compare it with the paper, then save it there.
day-open-form = Open the form
day-fees = Fees
day-fees-all = All fees that fall due
needs-say = Question to the hub, or the reason
needs-ask = Ask
asked = The question is written down with the case; the hub reads it after the next sync, and its answer appears on this page.
question = Question
questions = Questions to the hub
question-waits = waits for the hub’s answer
question-answer = Answer of the hub
question-answers = Answers of the hub
question-answers-why = The hub has answered. It stays here until you press “It is clear now”; what was said stays on the case.
question-settle = It is clear now
held-why = The hub did not accept these changes, and keeps them until the hub operator decides. Correct, withdraw or ask; where it is settled in another way, write the reason and press “I have dealt with it”.
held-handle = I have dealt with it
held-reason = Reason: how was it settled?
held-handled = You have dealt with these; they wait for the hub
held-handled-why = Nothing more is to be done here. The hub has not accepted them: it holds them until its operator releases them.
handled = Dealt with
handled-change = by a later change
elsewhere = As others see it
elsewhere-none = The hub has nothing of this case yet.
elsewhere-hub = { $count ->
    [one] The hub has { $count } change of this case, its people and its visit for certain.
   *[other] The hub has { $count } changes of this case, its people and its visit for certain.
}
elsewhere-through = The newest was written
elsewhere-carried = { $count ->
    [one] { $count } change is with another laptop or in a bundle: it is seen there, and not for certain at the hub.
   *[other] { $count } changes are with another laptop or in a bundle: they are seen there, and not for certain at the hub.
}
elsewhere-nobody = { $count ->
    [one] { $count } change was seen by nobody yet: it is on this laptop alone.
   *[other] { $count } changes were seen by nobody yet: they are on this laptop alone.
}
elsewhere-others = Other laptops see what is at the hub after an exchange with it, and nothing that is not there.
seen-nobody = seen by nobody yet
seen-carried = carried
seen-hub = at the hub
custody-held = Held by the hub, not accepted
event-agency = Agency
event-reference = Agency's number
edits = Changed fields
emptied = emptied
is-true = yes
is-false = no
field-tick = Requirement there
field-untick = Requirement taken away
field-born_estimated = Birth date is a guess
field-ended = Ended
field-ref = Reference
answered = Returned or rejected by an agency
answered-why = Correct and send again, cancel, or ask. It stays here until it is dealt with.
answer-again = Corrected, send again
answer-told = The citizen has been told
lease-slip = slip numbers of
lease-used-up = used up: ask the hub for more
blank-correct = Correct the number of this blank
blank-book = Book of blanks, newest first
blank-find = Find a blank’s number, a slip, an officer or a reason
blank-all = All
blank-when = Time
blank-why = Case or reason
became-handed_over = Handed over to
became-with_collector = Entrusted to
became-ready = Back in stock
became-loaded = Loaded
became-wrong_hands = Wrong hands noted
list-signed = Signature of who took these along
day-in-seal = What this seal closes
slip-cancelled = CANCELLED
