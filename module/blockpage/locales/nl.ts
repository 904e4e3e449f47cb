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
        'Van deze site is bekend dat ze malware verspreidt: schadelijke software die je bespioneert, je toestel beschadigt of je bestanden gijzelt.',
    },
    phishing: {
      name: 'Phishing',
      sentence:
        'Van deze site is bekend dat ze aan phishing doet: ze doet zich voor als een bedrijf of overheid die je vertrouwt, om je wachtwoorden of bankgegevens te stelen.',
    },
    botnet: {
      name: 'Botnet',
      sentence:
        'Van dit adres is bekend dat het besmette toestellen vanop afstand bestuurt. Heb je het niet zelf geopend, dan is een van je toestellen misschien besmet: laat het nakijken.',
    },
    cryptojacking: {
      name: 'Cryptojacking',
      sentence:
        'Van deze site is bekend dat ze de toestellen van bezoekers stiekem cryptomunten laat delven. Daardoor worden ze traag en raakt hun batterij snel leeg.',
    },
    scam: {
      name: 'Oplichting',
      sentence:
        'Van deze site is bekend dat ze mensen oplicht, bijvoorbeeld met een valse webshop, een belegging die te mooi is om waar te zijn of een prijs die niet bestaat.',
    },
    'resolver-bypass': {
      name: 'Omzeiling',
      sentence:
        'Dit adres hoort bij een dienst waarmee toestellen de bescherming van je lijn zouden omzeilen.',
    },
    blocked: {
      name: 'Geblokkeerd door een andere filter',
      sentence:
        'Een andere filter op deze verbinding heeft deze site al geblokkeerd en zegt er niet bij waarom.',
    },
    other: { name: 'Andere gevaren', sentence: 'Van deze site is bekend dat ze gevaarlijk is.' },
  },
  blocked: {
    title: 'Site geblokkeerd',
    heading: 'We hebben deze site geblokkeerd',
    inOwnScript: 'In het eigen schrift:',
    imitation:
      'Let op: sommige letters van deze naam lijken op die van een ander alfabet. Zo worden vaak bekende namen nagebootst.',
    listedAs: 'Op de lijst als:',
    nothingLoaded: 'Er is niets van deze site geladen.',
    testName: 'Dit is een testadres. Je ziet deze pagina, dus de bescherming werkt.',
    nowHeading: 'Kreeg je de link in een bericht?',
    goBack: 'Ga terug of sluit deze pagina. Verder hoef je niets te doen.',
    forward: (address) =>
      html`Antwoord niet. Stuur de e-mail of een screenshot van de sms door naar ${address} en verwijder het bericht daarna.`,
    mistakeHeading: 'Is dit een vergissing?',
    mistake:
      'Weet je zeker dat deze site veilig is? Laat het ons weten. In het formulier is de naam van de site al ingevuld; er wordt niets verstuurd tot jij het verstuurt.',
    mistakeLink: 'Meld een vergissing',
    passwordHeading: 'Wat als ik een wachtwoord heb ingevuld?',
    password: 'Wijzig het meteen, overal waar je het gebruikt.',
    bank: (number) =>
      html`Heb je kaart- of bankgegevens ingevuld? Bel Card Stop op ${number}, dag en nacht, en verwittig je bank.`,
    advice: (link) => html`Lees wat je nog kunt doen op ${link}.`,
  },
  about: {
    heading: 'Wie beschermt je?',
    protects: (service) => `${service} beschermt alle toestellen op deze lijn tegen gevaarlijke sites.`,
    limits: (service) =>
      `Geen enkele bescherming is volledig: we kunnen niet garanderen dat elke gevaarlijke site wordt tegengehouden. Blijf dus alert. ${service} maakt geen toestellen schoon: van een toestel dat al besmet is, wordt niets verwijderd.`,
    help: (operator) => `Hulp van ${operator}`,
  },
  status: {
    title: (service) => `${service}: status`,
    protected: 'Deze lijn is beschermd',
    unprotected: 'Deze lijn is op dit moment niet beschermd',
    protectedText: (service) =>
      `${service} blokkeert gevaarlijke sites op elk toestel dat met deze modem verbonden is.`,
    why: {
      disabled: 'De dienst is voor deze lijn uitgeschakeld. Je internet werkt gewoon.',
      suspended:
        'De dienst is onderbroken voor onderhoud of om het netwerk te beschermen. Je internet werkt gewoon.',
      terminated: 'Er is geen abonnement op de dienst voor deze lijn. Je internet werkt gewoon.',
      'no-list': 'De lijst met gevaarlijke sites is nog onderweg naar deze modem. Je internet werkt gewoon.',
      'self-test':
        'De modem heeft een fout gevonden en probeert die te herstellen. Je internet werkt gewoon.',
      paused: 'De dienst is voor iedereen even onderbroken. Je internet werkt gewoon.',
      other: 'De dienst is op dit moment niet actief. Je internet werkt gewoon.',
    },
    since: (moment) => html`Sinds ${moment}`,
    notBlockedHeading: 'Zocht je een andere site?',
    notBlocked: (name) =>
      html`${name} is niet (meer) geblokkeerd. Je browser kan het oude adres nog een minuut onthouden: wacht even en laad de pagina dan opnieuw.`,
    notBlockedSoon: (name) =>
      html`${name} is niet meer geblokkeerd. Je browser onthoudt nog even het oude adres: binnen ongeveer een minuut opent de site hier vanzelf.`,
    weekHeading: 'Deze week tegengehouden',
    weekNone: 'Nog geen bedreigingen.',
    weekTotal: (count) => (count === 1 ? 'bedreiging' : 'bedreigingen'),
    weekCategory: 'Soort',
    weekCount: 'Aantal keer tegengehouden',
    listHeading: 'Lijst met gevaarlijke sites',
    list: (version, age) => `Versie ${version}, ${age} ontvangen.`,
    listNone: 'Er staat nog geen lijst op deze modem.',
    tryHeading: 'Probeer het uit',
    try: 'Deze adressen zijn onschadelijk en altijd geblokkeerd. Open er één om de blokkeerpagina te zien.',
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
  moment: (day, month, year, time) => `${day} ${month} ${year}, ${time}`,
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
