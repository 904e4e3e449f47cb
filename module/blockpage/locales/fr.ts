import { html } from '../html.ts'
import type { Texts } from './texts.ts'

/** A no-break space goes before `:`, `?` and `;`, as French typography asks. */
export const fr: Texts = {
  language: 'fr',
  self: 'Français',
  chooseLanguage: 'Langue',
  category: {
    malware: {
      name: 'Logiciels malveillants',
      sentence:
        'Ce site est connu pour diffuser des logiciels malveillants, qui vous espionnent, endommagent votre appareil ou prennent vos fichiers en otage.',
    },
    phishing: {
      name: 'Hameçonnage',
      sentence:
        'Ce site est connu pour l’hameçonnage (phishing)\u00a0: il se fait passer pour une entreprise ou une administration de confiance afin de voler vos mots de passe ou vos données bancaires.',
    },
    botnet: {
      name: 'Botnet',
      sentence:
        'Cette adresse est connue pour commander à distance des appareils infectés. Si vous ne l’avez pas ouverte vous-même, l’un de vos appareils est peut-être infecté\u00a0: faites-le vérifier.',
    },
    cryptojacking: {
      name: 'Minage clandestin',
      sentence:
        'Ce site est connu pour utiliser en secret les appareils de ses visiteurs afin de produire de la cryptomonnaie, ce qui les ralentit et vide leur batterie.',
    },
    scam: {
      name: 'Escroquerie',
      sentence:
        'Ce site est connu pour des escroqueries, comme une fausse boutique en ligne, un placement trop beau pour être vrai ou un prix qui n’existe pas.',
    },
    'resolver-bypass': {
      name: 'Contournement',
      sentence:
        'Cette adresse appartient à un service qui permettrait aux appareils de contourner la protection de votre ligne.',
    },
    blocked: {
      name: 'Bloqué par un autre filtre',
      sentence: 'Un autre filtre de cette connexion a déjà bloqué ce site, sans nous dire pourquoi.',
    },
    other: { name: 'Autres dangers', sentence: 'Ce site est connu pour être dangereux.' },
  },
  blocked: {
    title: 'Site bloqué',
    heading: 'Nous avons bloqué ce site',
    inOwnScript: 'Dans son écriture d’origine\u00a0:',
    imitation:
      'Attention\u00a0: certaines lettres de ce nom ressemblent à celles d’un autre alphabet. C’est souvent ainsi que l’on imite un nom connu.',
    listedAs: 'Dans la liste sous\u00a0:',
    nothingLoaded: 'Rien de ce site n’a été chargé.',
    testName: 'Ceci est une adresse de test. Si vous voyez cette page, la protection fonctionne.',
    nowHeading: 'Le lien se trouvait dans un message\u00a0?',
    goBack: 'Revenez en arrière ou fermez cette page. Vous n’avez rien d’autre à faire.',
    forward: (address) =>
      html`Ne répondez pas. Transférez l’e-mail ou une capture d’écran du SMS à ${address}, puis supprimez le message.`,
    mistakeHeading: 'Est-ce une erreur\u00a0?',
    mistake:
      'Vous avez la certitude que ce site est sûr\u00a0? Dites-le-nous. Le nom du site est déjà indiqué dans le formulaire\u00a0; rien n’est envoyé tant que vous ne l’envoyez pas.',
    mistakeLink: 'Signaler une erreur',
    passwordHeading: 'Et si j’ai saisi un mot de passe\u00a0?',
    password: 'Changez-le tout de suite, partout où vous l’utilisez.',
    bank: (number) =>
      html`Avez-vous communiqué des données bancaires ou de carte\u00a0? Appelez Card Stop au ${number}, jour et nuit, et prévenez votre banque.`,
    advice: (link) => html`Découvrez que faire d’autre sur ${link}.`,
  },
  about: {
    heading: 'Qui vous protège\u00a0?',
    protects: (service) => `${service} protège tous les appareils de cette ligne contre les sites dangereux.`,
    limits: (service) =>
      `Aucune protection n’est totale\u00a0: nous ne pouvons pas garantir que chaque site dangereux soit bloqué. Restez donc sur vos gardes. ${service} ne nettoie pas les appareils\u00a0: rien n’est supprimé d’un appareil déjà infecté.`,
    help: (operator) => `Assistance ${operator}`,
  },
  status: {
    title: (service) => `${service}\u00a0: état`,
    protected: 'Cette ligne est protégée',
    unprotected: 'Cette ligne n’est pas protégée en ce moment',
    protectedText: (service) =>
      `${service} bloque les sites dangereux sur tous les appareils connectés à ce modem.`,
    why: {
      disabled: 'Le service est désactivé pour cette ligne. Votre connexion internet fonctionne normalement.',
      suspended:
        'Le service est interrompu pour un entretien ou pour protéger le réseau. Votre connexion internet fonctionne normalement.',
      terminated:
        'Aucun abonnement au service n’est lié à cette ligne. Votre connexion internet fonctionne normalement.',
      'no-list':
        'Ce modem n’a pas encore reçu la liste des sites dangereux. Votre connexion internet fonctionne normalement.',
      'self-test':
        'Le modem a détecté un problème et tente de le résoudre. Votre connexion internet fonctionne normalement.',
      paused:
        'Le service est interrompu pour tous les clients pendant un moment. Votre connexion internet fonctionne normalement.',
      other: 'Le service n’est pas actif en ce moment. Votre connexion internet fonctionne normalement.',
    },
    since: (moment) => html`Depuis le ${moment}`,
    notBlockedHeading: 'Vous cherchiez un autre site\u00a0?',
    notBlocked: (name) =>
      html`${name} n’est pas (ou plus) bloqué. Votre navigateur peut garder l’ancienne adresse en mémoire pendant une minute\u00a0: patientez, puis rechargez la page.`,
    notBlockedSoon: (name) =>
      html`${name} n’est plus bloqué. Votre navigateur garde encore l’ancienne adresse en mémoire\u00a0: d’ici une minute environ, le site s’ouvrira ici de lui-même.`,
    weekHeading: 'Menaces arrêtées cette semaine',
    weekNone: 'Aucune menace jusqu’à présent.',
    weekTotal: (count) => (count < 2 ? 'menace' : 'menaces'),
    weekCategory: 'Type',
    weekCount: 'Nombre de blocages',
    listHeading: 'Liste des sites dangereux',
    list: (version, age) => `Version ${version}, reçue ${age}.`,
    listNone: 'Ce modem n’a pas encore de liste.',
    tryHeading: 'Faites l’essai',
    try: 'Ces adresses sont inoffensives et toujours bloquées. Ouvrez-en une pour voir la page de blocage.',
  },
  months: [
    'janvier',
    'février',
    'mars',
    'avril',
    'mai',
    'juin',
    'juillet',
    'août',
    'septembre',
    'octobre',
    'novembre',
    'décembre',
  ],
  moment: (day, month, year, time) => `${day === 1 ? '1er' : day} ${month} ${year} à\u00a0${time}`,
  thousands: '\u202f',
  age: {
    moments: () => 'à l’instant',
    minute: (n) => `il y a ${n} minute${n > 1 ? 's' : ''}`,
    hour: (n) => `il y a ${n} heure${n > 1 ? 's' : ''}`,
    day: (n) => `il y a ${n} jour${n > 1 ? 's' : ''}`,
  },
  safeonweb: 'https://safeonweb.be/fr',
  suspicious: 'suspect@safeonweb.be',
}
