"""Countries and the adjectives for what comes from them."""

import re
from itertools import pairwise

from fathom.core.text import fold

_TABLE = """
United States: American, U.S., US, USA, United States of America
United Kingdom: British, English, Scottish, Welsh, UK, Great Britain, Britain, England, Scotland, Wales
France: French | Germany: German, West German | Italy: Italian | Spain: Spanish | Portugal: Portuguese
Ireland: Irish | Netherlands: Dutch | Belgium: Belgian | Luxembourg: Luxembourgish | Switzerland: Swiss
Austria: Austrian | Poland: Polish | Czech Republic: Czech, Czechia | Slovakia: Slovak | Hungary: Hungarian
Romania: Romanian | Bulgaria: Bulgarian | Greece: Greek | Turkey: Turkish, Ottoman | Albania: Albanian
Serbia: Serbian | Croatia: Croatian | Slovenia: Slovenian, Slovene | Bosnia and Herzegovina: Bosnian
North Macedonia: Macedonian | Montenegro: Montenegrin | Yugoslavia: Yugoslav, Yugoslavian | Kosovo: Kosovar
Russia: Russian, Soviet, Soviet Union | Ukraine: Ukrainian | Belarus: Belarusian | Moldova: Moldovan
Lithuania: Lithuanian | Latvia: Latvian | Estonia: Estonian | Finland: Finnish | Sweden: Swedish
Norway: Norwegian | Denmark: Danish | Iceland: Icelandic | Malta: Maltese | Cyprus: Cypriot
Georgia: Georgian | Armenia: Armenian | Azerbaijan: Azerbaijani | Kazakhstan: Kazakh | Uzbekistan: Uzbek
India: Indian | Pakistan: Pakistani | Bangladesh: Bangladeshi | Sri Lanka: Sri Lankan | Nepal: Nepalese
China: Chinese, People's Republic of China | Hong Kong: Hongkonger | Taiwan: Taiwanese | Japan: Japanese
South Korea: South Korean, Korean | North Korea: North Korean | Mongolia: Mongolian | Thailand: Thai
Vietnam: Vietnamese | Cambodia: Cambodian | Laos: Laotian | Myanmar: Burmese | Malaysia: Malaysian
Singapore: Singaporean | Indonesia: Indonesian | Philippines: Filipino, Philippine | Australia: Australian
New Zealand: New Zealander | Fiji: Fijian | Iran: Iranian, Persian | Iraq: Iraqi | Israel: Israeli
Palestine: Palestinian | Lebanon: Lebanese | Syria: Syrian | Jordan: Jordanian | Saudi Arabia: Saudi
Kuwait: Kuwaiti | Yemen: Yemeni | Egypt: Egyptian | Libya: Libyan | Tunisia: Tunisian | Algeria: Algerian
Morocco: Moroccan | Sudan: Sudanese | Ethiopia: Ethiopian | Eritrea: Eritrean | Somalia: Somali | Kenya: Kenyan
Uganda: Ugandan | Tanzania: Tanzanian | Rwanda: Rwandan | Nigeria: Nigerian | Ghana: Ghanaian | Senegal: Senegalese
Mali: Malian | Ivory Coast: Ivorian | Cameroon: Cameroonian | Congo: Congolese | Angola: Angolan | Zambia: Zambian
Zimbabwe: Zimbabwean | Mozambique: Mozambican | South Africa: South African | Namibia: Namibian | Botswana: Batswana
Canada: Canadian | Mexico: Mexican | Cuba: Cuban | Jamaica: Jamaican | Haiti: Haitian | Dominican Republic: Dominican
Guatemala: Guatemalan | Honduras: Honduran | El Salvador: Salvadoran | Nicaragua: Nicaraguan | Costa Rica: Costa Rican
Panama: Panamanian | Colombia: Colombian | Venezuela: Venezuelan | Ecuador: Ecuadorian | Peru: Peruvian
Bolivia: Bolivian | Chile: Chilean | Argentina: Argentine, Argentinian | Uruguay: Uruguayan | Paraguay: Paraguayan
Brazil: Brazilian | Puerto Rico: Puerto Rican | Trinidad and Tobago: Trinidadian
"""


def _read(table: str) -> dict[str, str]:
    nations: dict[str, str] = {}
    for row in table.replace("\n", "|").split("|"):
        country, _, words = row.partition(":")
        for word in [country, *words.split(",")]:
            if word.strip():
                nations[fold(word.strip())] = country.strip()
    return nations


_NATIONS = _read(_TABLE)


def country_of(text: str) -> str | None:
    """The country that `text` names, or whose adjective it is; None where it is neither."""
    return _NATIONS.get(fold(text).strip(" ,"))


def countries(text: str) -> frozenset[str]:
    """All countries that `text` names or has an adjective of."""
    words = re.findall(r"[A-Z][A-Za-z.]+", text)
    pairs = [" ".join(pair) for pair in pairwise(words)]
    return frozenset(found for word in words + pairs if (found := country_of(word)))
