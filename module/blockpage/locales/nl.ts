import { html } from '../html.ts'
import type { Texts } from './texts.ts'

export const nl: Texts = {
  language: 'nl',
  self: 'Nederlands',
  chooseLanguage: 'Taal',
  category: {
    malware: {
      name: 'Malware',
      sentence:
        'Deze site staat bekend om het verspreiden van malware: schadelijke software die je bespioneert, je toestel beschadigt of je bestanden gijzelt.',
    },
    phishing: {
      name: 'Phishing',
      sentence:
        'Deze site staat bekend om phishing: ze doet zich voor als een bedrijf of overheidsdienst waarin je vertrouwen hebt, om je wachtwoorden of bankgegevens te stelen.',
    },
    botnet: {
      name: 'Botnet',
      sentence: 'Dit adres staat bekend om het vanop afstand besturen van besmette toestellen.',
    },
    cryptojacking: {
      name: 'Cryptojacking',
      sentence:
        'Deze site staat bekend om het stiekem delven van cryptomunten met de toestellen van bezoekers. Daardoor worden de toestellen traag en raakt hun batterij snel leeg.',
    },
    scam: {
      name: 'Oplichting',
      sentence:
        'Deze site staat bekend om oplichting, bijvoorbeeld met een valse webshop, een belegging die te mooi is om waar te zijn of een prijs die niet bestaat.',
    },
    'resolver-bypass': {
      name: 'Omzeiling van de bescherming',
      sentence:
        'Dit adres hoort bij een dienst waarmee toestellen de bescherming van je internetverbinding zouden omzeilen.',
    },
    blocked: {
      name: 'Geblokkeerd door een andere filter',
      sentence:
        'Een andere filter op je internetverbinding heeft deze site al geblokkeerd, zonder ons te zeggen waarom.',
    },
    other: { name: 'Andere gevaren', sentence: 'Deze site staat bekend als gevaarlijk.' },
  },
  blocked: {
    title: 'Site geblokkeerd',
    heading: 'We hebben deze site geblokkeerd',
    inOwnScript: 'In het eigen schrift:',
    imitation:
      'Let op: sommige letters van deze naam lijken op die van een ander alfabet. Zo worden vaak bekende namen nagebootst.',
    listedAs: 'Op de lijst als:',
    testName: 'Dit is een testadres. Je ziet deze pagina, dus de bescherming werkt.',
    goBack: 'Ga terug of sluit deze pagina.',
    haveChecked:
      'Heb je dit adres niet zelf geopend? Dan is een van je toestellen misschien besmet: laat het nakijken.',
    nothingLoaded: 'Er is niets van deze site geladen.',
    enteredHeading: 'Heb je eerder al iets ingevuld op deze site?',
    password: 'Een wachtwoord? Wijzig het meteen, overal waar je het gebruikt.',
    bank: (number) =>
      html`Kaart- of bankgegevens? Bel Card Stop op ${number} en verwittig je bank. Card Stop is dag en nacht bereikbaar.`,
    police: 'Ben je geld kwijt? Doe aangifte bij de lokale politie.',
    infectedHeading: 'Wat als een toestel besmet is?',
    infected: [
      'Verbreek de internetverbinding van het toestel tot het is nagekeken.',
      'Installeer alle updates en laat een virusscanner lopen, of vraag hulp aan een specialist.',
      'Wijzig daarna je belangrijkste wachtwoorden, op een ander toestel.',
    ],
    advice: (link) => html`Lees op ${link} wat je nog kunt doen.`,
    messageHeading: 'Kreeg je de link in een bericht?',
    forward: (address) =>
      html`Antwoord niet. Stuur de e-mail of een screenshot van de sms door naar ${address} en verwijder het bericht daarna.`,
    mistakeHeading: 'Is dit een vergissing?',
    mistake:
      'Weet je zeker dat deze site veilig is? Laat het ons weten. In het formulier is de naam van de site al ingevuld; er wordt niets verstuurd tot je zelf op Verzenden klikt.',
    mistakeLink: 'Meld een vergissing',
    helpdesk: 'Voor de helpdesk:',
    helpdeskModem: (end) => `modem ${end}`,
    helpdeskList: (version) => `lijst ${version}`,
  },
  about: {
    heading: (service) => `Over ${service}`,
    protects: (service) =>
      `${service} beschermt alle toestellen op je internetverbinding tegen gevaarlijke sites.`,
    wouldProtect: (service) =>
      `Als ${service} actief is, worden alle toestellen op je internetverbinding beschermd tegen gevaarlijke sites.`,
    limits: (service) =>
      `Geen enkele bescherming is volledig: we kunnen niet garanderen dat elke gevaarlijke site wordt tegengehouden. Blijf dus alert. ${service} maakt geen toestellen schoon: van een toestel dat al besmet is, wordt niets verwijderd.`,
    help: (operator) => `Hulp van ${operator}`,
  },
  status: {
    title: (service) => `${service}: status`,
    protected: 'Je internet\u00adverbinding is beschermd',
    unprotected: 'Je internet\u00adverbinding is nu niet beschermd',
    outdated: 'Je bescherming is verouderd',
    protectedText: (service) =>
      `${service} blokkeert gevaarlijke sites op elk toestel dat met deze modem verbonden is.`,
    outdatedText: (age) =>
      `De lijst met gevaarlijke sites werd ${age} ontvangen. Sites die er sindsdien bij kwamen, worden niet geblokkeerd; de andere nog wel.`,
    why: {
      disabled: 'De dienst is uitgeschakeld voor je internetverbinding. Je internet werkt gewoon.',
      suspended:
        'De dienst is onderbroken voor onderhoud of om het netwerk te beschermen. Je internet werkt gewoon.',
      terminated:
        'Je hebt geen abonnement op de dienst voor deze internetverbinding. Je internet werkt gewoon.',
      'no-list': 'De lijst met gevaarlijke sites is nog onderweg naar deze modem. Je internet werkt gewoon.',
      'self-test':
        'De modem heeft een fout gevonden en probeert die te herstellen. Je internet werkt gewoon.',
      paused: 'De dienst is tijdelijk onderbroken voor alle klanten. Je internet werkt gewoon.',
      other: 'De dienst is op dit moment niet actief. Je internet werkt gewoon.',
    },
    todo: {
      switchOn: (operator) => `Wil je de bescherming opnieuw inschakelen? Dat kan via ${operator}.`,
      subscribe: (operator) => `Wil je de bescherming? Vraag ze aan bij ${operator}.`,
      wait: 'Je hoeft niets te doen: de bescherming start vanzelf weer.',
      restart: (operator) =>
        `Blijft dit zo? Herstart je modem. Helpt dat niet, neem dan contact op met ${operator}.`,
    },
    since: (moment) => html`Sinds ${moment}`,
    notBlockedHeading: 'Zocht je een andere site?',
    notBlocked: (name) =>
      html`${name} is niet (meer) geblokkeerd. Je browser kan het oude adres nog een minuut onthouden: wacht even en laad de pagina dan opnieuw.`,
    notBlockedSoon: (name) =>
      html`${name} is niet meer geblokkeerd. Je browser onthoudt nog even het oude adres: binnen ongeveer een minuut opent de site hier vanzelf.`,
    weekHeading: 'Tegengehouden in de laatste zeven dagen',
    weekNone: 'Geen bedreigingen in de laatste zeven dagen.',
    weekTotal: (count) => (count === 1 ? 'bedreiging' : 'bedreigingen'),
    weekPicture: 'Tegengehouden bedreigingen per dag',
    weekCategory: 'Soort',
    weekCount: 'Aantal keer',
    unseenHeading: 'Zag je een foutmelding van je browser?',
    unseenWhy:
      'Bij een link die met https:// begint, kunnen we onze pagina niet tonen: je browser meldt dan een fout. Een app toont vaak niets.',
    unseen: (count, when) =>
      html`In de laatste 24 uur werd ${count === 1 ? 'één keer' : `${count} keer`} een gevaarlijk adres tegengehouden zonder dat onze pagina verscheen, het laatst ${when}. We houden niet bij welk adres dat was.`,
    listHeading: 'Lijst met gevaarlijke sites',
    list: (version, age) => `Versie ${version}, ${age} ontvangen.`,
    listChecked: (age) => `Laatst gecontroleerd: ${age}.`,
    listNone: 'Er staat nog geen lijst op deze modem.',
    tryHeading: 'Test de bescherming',
    try: 'De knop opent een onschadelijk testadres dat altijd geblokkeerd is. Zie je daarna onze blokkeerpagina, dan werkt de bescherming.',
    mistakeHeading: 'Klopt er iets niet?',
    mistake: 'Is een veilige site geblokkeerd, of een gevaarlijke site niet? Laat het ons weten.',
  },
  months: [
    'januari',
    'februari',
    'maart',
    'april',
    'mei',
    'juni',
    'juli',
    'augustus',
    'september',
    'oktober',
    'november',
    'december',
  ],
  weekdays: ['zondag', 'maandag', 'dinsdag', 'woensdag', 'donderdag', 'vrijdag', 'zaterdag'],
  weekdayLetters: 2,
  clock: (hours, minutes) => `${hours}.${minutes}\u00a0uur`,
  moment: (day, month, year, time) => `${day} ${month} ${year} om ${time}`,
  today: (time) => `vandaag om ${time}`,
  yesterday: (time) => `gisteren om ${time}`,
  thousands: '.',
  age: {
    moments: () => 'zonet',
    minute: (n) => (n === 1 ? 'een minuut geleden' : `${n} minuten geleden`),
    hour: (n) => (n === 1 ? 'een uur geleden' : `${n} uur geleden`),
    day: (n) => (n === 1 ? 'een dag geleden' : `${n} dagen geleden`),
  },
  safeonweb: 'https://safeonweb.be/nl',
  suspicious: 'verdacht@safeonweb.be',
}
